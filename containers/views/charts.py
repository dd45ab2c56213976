"""What was in use, drawn and as a table: both from the same means over equal parts of a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from containers.domain import usage
from containers.forms import amounts
from containers.services import metrics
from containers.services.metrics import Series

WIDTH: Final = 300
HEIGHT: Final = 38
# The line's own width has to find room.
_TOP, _BOTTOM = 1.5, HEIGHT - 1.0


@dataclass(frozen=True)
class Span:
    """A time that is shown: `key` is its value in the URL; a drawing has `points` of it, a table `rows`."""

    key: str
    title: str | Promise
    length: timedelta
    points: int
    rows: int

    @property
    def seconds(self) -> int:
        return int(self.length.total_seconds())

    @property
    def begin(self) -> datetime:
        return timezone.now() - self.length


HOUR: Final = Span("hour", _("Last hour"), metrics.HOUR, 60, 12)
DAY: Final = Span("day", _("Last day"), metrics.DAY, 144, 24)
SPANS: Final = {span.key: span for span in (HOUR, DAY)}


def span_of(value: str | None) -> Span:
    """Return the span that a URL asks for; an hour where it asks for none that there is."""
    return SPANS.get(value or "", HOUR)


@dataclass(frozen=True)
class Part:
    """A part of a time: when it ended, and the mean use in it, None where nothing is known."""

    end: datetime
    used: Any


def parts(series: Series, end: datetime, length: timedelta, count: int) -> list[Part]:
    """Divide the time before `end` into `count` parts, oldest first."""
    found: list[list[Any]] = [[] for _ in range(count)]
    step = length / count
    for at, used in zip(series.at, series.values, strict=True):
        number = count - 1 - int((end - at) / step)
        if used is not None and 0 <= number < count:
            found[number].append(used)
    return [Part(end - step * (count - 1 - number), usage.mean(used) if used else None) for number, used in enumerate(found)]


def line(values: list[float | None], highest: float) -> str:
    """Return values from 0 to `highest` as the path of a line, interrupted where nothing is known."""
    return " ".join(_draw(piece) for piece in _pieces(values, highest))


def area(values: list[float | None], highest: float) -> str:
    """Return the path of what is below such a line."""
    return " ".join(f"{_draw(piece)}V{HEIGHT - 1}H{piece[0][0]:g}Z" for piece in _pieces(values, highest))


def _draw(piece: list[tuple[float, float]]) -> str:
    # A single point is drawn as a dash, or it would not be seen.
    points = piece if len(piece) > 1 else [piece[0], (piece[0][0] + 1, piece[0][1])]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _pieces(values: list[float | None], highest: float) -> Iterator[list[tuple[float, float]]]:
    piece: list[tuple[float, float]] = []
    for number, value in enumerate([*values, None]):
        if value is not None:
            share = min(1.0, max(0.0, value / highest)) if highest else 0.0
            piece.append((round(WIDTH * number / max(1, len(values) - 1), 1), round(_BOTTOM - share * (_BOTTOM - _TOP), 1)))
        elif piece:
            yield piece
            piece = []


def percent(share: float | None) -> str:
    """Return "4.1 %"; from 10 on whole ones."""
    if share is None:
        return "–"
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def size(value: float | None) -> str:
    return "–" if value is None else amounts.size(round(value))


def rate(value: float | None) -> str:
    return "–" if value is None else f"{amounts.size(round(value))}/s"


def count(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


# Column of a table: its title and how a value is written.
Column = tuple[str | Promise, Callable[[Any], str]]
CONTAINER_COLUMNS: Final[tuple[Column, ...]] = (
    (_("CPU"), lambda used: percent(used.cpu)),
    (_("Memory"), lambda used: size(used.memory_bytes)),
    (_("Received"), lambda used: rate(used.received_bytes_s)),
    (_("Sent"), lambda used: rate(used.sent_bytes_s)),
    (_("Processes"), lambda used: count(used.processes)),
)
HOST_COLUMNS: Final[tuple[Column, ...]] = (
    (_("CPU"), lambda used: percent(used.cpu / used.processors if used.cpu is not None else None)),
    (_("Memory"), lambda used: size(used.memory_bytes)),
    (_("Disk"), lambda used: percent(used.disk_bytes / used.disk_total_bytes)),
)


@dataclass(frozen=True)
class Table:
    """The numbers of a chart in words: means over parts of its time, newest first."""

    heads: list[str | Promise]
    rows: list[tuple[datetime, list[str]]]


def table(series: Series, end: datetime, span: Span, columns: tuple[Column, ...]) -> Table:
    rows = [
        (part.end, [write(part.used) if part.used is not None else "–" for _title, write in columns])
        for part in reversed(parts(series, end, span.length, span.rows))
    ]
    return Table([title for title, _write in columns], rows)
