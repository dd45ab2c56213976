"""What is recorded of the programs of a step, without the secrets that they were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from containers.domain.secrecy import Masker
from containers.errors import HostError, SpocError
from containers.jobs.messages import Message, StepRecorder


class MaskingRecorder(StepRecorder):
    """Records command lines, output and notes without the secrets in them. Belongs to one thread."""

    def __init__(self, recorder: StepRecorder, secrets: Iterable[str]) -> None:
        self.step = recorder.step
        self._recorder = recorder
        self._secrets = frozenset(line for secret in secrets for line in secret.splitlines())
        # One for each command: a private key that the output of one does not end hides nothing of the next.
        self._maskers: dict[int, Masker] = {}

    def tell(self, message: Message) -> None:
        """Pass on a fact."""
        self._recorder.tell(message)

    def started(self, argv: Sequence[str]) -> int:
        """Record a program without its secrets."""
        number = self._recorder.started([self._mask(word) for word in argv])
        self._maskers[number] = Masker(self._secrets)
        return number

    def output(self, command_id: int, lines: Sequence[str]) -> None:
        """Record lines of output without the secrets in them."""
        masker = self._maskers[command_id]
        self._recorder.output(command_id, [masker.mask(line) for line in lines])

    def tried(self, command_id: int, tries: int, exit_code: int) -> None:
        """Pass on how often a command was tried."""
        self._recorder.tried(command_id, tries, exit_code)

    def ended(self, command_id: int, exit_code: int, duration_ms: int) -> None:
        """Pass on how a program has ended."""
        self._recorder.ended(command_id, exit_code, duration_ms)

    def note(self, text: str) -> None:
        """Say what the step is doing, without secrets."""
        self._recorder.note(self._mask(text))

    def masked(self, error: SpocError, what: str) -> HostError:
        """Return an error about `what` that tells no secret."""
        return HostError(f"{what}: {self._mask(error.brief)}", self._mask(error.details), error.resolution)

    @contextmanager
    def telling_none(self) -> Iterator[None]:
        """Take the secrets out of what goes wrong in the block: an error quotes what programs say."""
        try:
            yield
        except SpocError as error:
            error.brief, error.details = self._mask(error.brief), self._mask(error.details)
            raise

    def _mask(self, text: str) -> str:
        masker = Masker(self._secrets)
        return "\n".join(masker.mask(line) for line in text.split("\n"))
