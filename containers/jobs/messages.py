"""What a step's thread tells the job's main thread, which alone writes to the database."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from containers.choices import LayerSource, StepState
from containers.domain.image import Defaults, ImageRef
from containers.domain.repository import Index
from containers.host.facts import Look


@dataclass(frozen=True, kw_only=True)
class Message:
    """`step` is the number of the step it is about."""

    step: int
    at: datetime = field(default_factory=timezone.now)


@dataclass(frozen=True, kw_only=True)
class StepStarted(Message):
    """The step's thread has begun."""


@dataclass(frozen=True, kw_only=True)
class StepEnded(Message):
    """The step is over; `error` is what it raised, `note` what the page says."""

    state: StepState
    note: str = ""
    error: BaseException | None = None


@dataclass(frozen=True, kw_only=True)
class CommandStarted(Message):
    """A program runs; `number` counts the commands of the step."""

    number: int
    argv: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Output(Message):
    """A program wrote lines."""

    number: int
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CommandTried(Message):
    """A command that is repeated until it succeeds has run once more."""

    number: int
    tries: int
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class CommandEnded(Message):
    """A program has ended; a negative exit code is the signal that ended it."""

    number: int
    exit_code: int
    duration_ms: int


@dataclass(frozen=True, kw_only=True)
class Noted(Message):
    """What the step is doing or waiting for right now."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Looked(Message):
    """LXC was asked for the container's state at `at`."""

    look: Look


@dataclass(frozen=True, kw_only=True)
class Started(Message):
    """The container runs with the definition that the job was given."""


@dataclass(frozen=True, kw_only=True)
class Ready(Message):
    """What the readiness check said last."""

    ready: bool


@dataclass(frozen=True, kw_only=True)
class Mounted(Message):
    """Whether the root filesystem of the stopped container is mounted."""

    mounted: bool


@dataclass(frozen=True, kw_only=True)
class Created(Message):
    """The container's directories are on the host."""


@dataclass(frozen=True, kw_only=True)
class Destroyed(Message):
    """Nothing of the container is left on the host but its volumes."""


@dataclass(frozen=True, kw_only=True)
class ConfigWritten(Message):
    """The container's configuration on the host is the text with this SHA-256."""

    digest: str


@dataclass(frozen=True, kw_only=True)
class Repaired(Message):
    """What was found to differ is in order, as far as a repair can do that."""


@dataclass(frozen=True, kw_only=True)
class VolumeMade(Message):
    """A volume was made for a container."""

    volume: str
    is_file: bool


@dataclass(frozen=True, kw_only=True)
class VolumeGone(Message):
    """A volume is not on the host any more."""

    volume: str


@dataclass(frozen=True, kw_only=True)
class VolumeMeasured(Message):
    """How much of the disk a volume takes."""

    volume: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class LayerMade(Message):
    """A layer is in its place. `digest` is empty where nobody has computed it."""

    layer: str
    size_bytes: int
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class LayersWanted(Message):
    """Layers of an image are complete and need names. `answer` gets one for each digest as soon as the rows are written."""

    image: ImageRef
    # By digest, in bytes.
    sizes: Mapping[str, int]
    source: LayerSource
    origin: str
    answer: queue.SimpleQueue[Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class ImageMade(Message):
    """All layers of an image are in their place, the lowest first."""

    image: ImageRef
    layers: tuple[str, ...]
    defaults: Defaults
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class IndexRead(Message):
    """A repository's index was fetched, and its signature is right."""

    repository: str
    index: Index


class Mailbox(queue.SimpleQueue[Message]):
    """Where the threads of a job's steps put their messages."""

    def collect(self, timeout_s: float) -> list[Message]:
        """Return all messages that are there; wait up to `timeout_s` for the first."""
        messages: list[Message] = []
        try:
            messages.append(self.get(timeout=timeout_s))
            while True:
                messages.append(self.get_nowait())
        except queue.Empty:
            return messages


class StepRecorder:
    """Implements `containers.host.command.Recorder` for one step."""

    def __init__(self, mailbox: Mailbox, step: int, *, first_command: int = 1) -> None:
        self.step = step
        self._mailbox = mailbox
        self._numbers = itertools.count(first_command)

    def tell(self, message: Message) -> None:
        """Pass on a fact about the container."""
        self._mailbox.put(message)

    def started(self, argv: Sequence[str]) -> int:
        """Record that a program was started and return its number within the step."""
        number = next(self._numbers)
        self.tell(CommandStarted(step=self.step, number=number, argv=tuple(argv)))
        return number

    def output(self, command_id: int, lines: Sequence[str]) -> None:
        """Record lines of output as they come."""
        self.tell(Output(step=self.step, number=command_id, lines=tuple(lines)))

    def tried(self, command_id: int, tries: int, exit_code: int) -> None:
        """Record that a repeated command has run `tries` times, with the last exit code."""
        self.tell(CommandTried(step=self.step, number=command_id, tries=tries, exit_code=exit_code))

    def ended(self, command_id: int, exit_code: int, duration_ms: int) -> None:
        """Record that a program has ended (exit code negative: by that signal)."""
        self.tell(CommandEnded(step=self.step, number=command_id, exit_code=exit_code, duration_ms=duration_ms))

    def note(self, text: str) -> None:
        """Say what the step is doing or waiting for right now."""
        self.tell(Noted(step=self.step, text=text))
