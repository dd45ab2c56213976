"""One step of a job as its page shows it: with its commands and the end of their output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from django.utils.safestring import SafeString

from containers.choices import StepState
from containers.models import Command, Line, Step
from containers.views import states
from containers.views.revisions import Since
from containers.views.states import Badge

# Lines that one click on "lines before" brings.
MORE_LINES: Final = 1_000


# How root starts programs of its own that read what others wrote.
_INTERPRETER: Final = "python3"
_SHUT_IN: Final = "shut_in"


def _program(argv: list[str]) -> str:
    name = PurePosixPath(argv[0]).name if argv else ""
    if name != _INTERPRETER:
        return name
    script = argv[argv.index("-m") + 1].rpartition(".")[2] if "-m" in argv[:-1] else _script(argv)
    if script == _SHUT_IN and "--" in argv[:-1]:
        return _program(argv[argv.index("--") + 1 :])
    return script or name


def _script(argv: list[str]) -> str:
    return next((PurePosixPath(word).stem for word in argv[1:] if word.endswith(".py")), "")


@dataclass(frozen=True)
class Segment:
    ink: str
    x: float
    width: float


@dataclass(frozen=True)
class ShownCommand:
    row: Command
    argv: list[str]
    lines: list[Line]
    line_count: int

    @property
    def program(self) -> str:
        """What runs: of what root runs through programs of its own, those, and what they shut in."""
        return _program([str(word) for word in self.row.argv])

    @property
    def is_running(self) -> bool:
        return self.row.duration_ms is None

    @property
    def hidden_count(self) -> int:
        return self.line_count - len(self.lines)

    @property
    def more_count(self) -> int:
        return min(self.hidden_count, MORE_LINES)

    @property
    def first_number(self) -> int:
        return self.lines[0].number if self.lines else 0

    @property
    def last_number(self) -> int:
        return self.lines[-1].number if self.lines else 0

    @classmethod
    def before(cls, row: Command, argv: list[str], number: int) -> ShownCommand:
        """Return the command with the lines before line `number`, as many as one click brings; two queries."""
        rows = Line.objects.filter(command=row, number__lt=number)
        lines = list(rows.order_by("-number")[:MORE_LINES])
        return cls(row, argv, lines[::-1], rows.count())


@dataclass(frozen=True)
class ShownStep:
    row: Step
    commands: list[ShownCommand]
    bar: Segment | None
    # The same in words.
    span: str
    is_alone: bool
    waits_for: SafeString | None
    since: Since | None = None

    @property
    def number(self) -> int:
        return self.row.number

    @property
    def badge(self) -> Badge:
        return states.STEP_BADGES[StepState(self.row.state)]

    @property
    def is_bad(self) -> bool:
        return self.row.state in (StepState.FAILED, StepState.LOST)

    @property
    def is_running(self) -> bool:
        return self.row.state == StepState.RUNNING

    @property
    def is_open(self) -> bool:
        return self.is_bad or self.is_running or self.is_alone

    @property
    def note(self) -> str:
        """What it is doing or why it did not succeed; the name stands beside it already."""
        return self.row.note.removeprefix(f"{self.row.container}: ")

    @property
    def anchor(self) -> str:
        """Where to look first: at the command that ended it, which is the last one."""
        return f"command-{self.commands[-1].row.pk}" if self.commands else f"step-{self.number}"

    @property
    def is_shown(self) -> bool:
        """Whether there is more to say than the tree says."""
        return bool(self.commands) or self.row.state != StepState.SKIPPED

    @property
    def title(self) -> str:
        return self.row.container or self.row.action
