"""What a measurement found, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One line of the table: `value` is reached when it is not above `limit`."""

    name: str
    measured: str
    value: float
    limit: float
    unit: str = ""

    @property
    def reach(self) -> str:
        return f"≤ {self.limit:g} {self.unit}".rstrip()

    @property
    def result(self) -> str:
        digits = 2 if self.unit == "×" else 0
        return f"{self.value:.{digits}f} {self.unit}".rstrip() + (", reached" if self.value <= self.limit else ", **missed**")


@dataclass(frozen=True)
class Note:
    """What helps to understand a figure."""

    name: str
    measured: str


@dataclass
class Report:
    """What one measurement found."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, name: str, measured: str) -> None:
        self.notes.append(Note(name, measured))


def markdown(machine: str, reports: Sequence[Report]) -> str:
    """Return all as Markdown."""
    figures = [(f.name, f.reach, f.measured, f.result) for report in reports for f in report.figures]
    notes = [(note.name, note.measured) for report in reports for note in report.notes]
    parts = [machine]
    if figures:
        parts.append(_table(("figure", "reach", "measured", "result"), figures))
    if notes:
        parts.append(_table(("note", "measured"), notes))
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
