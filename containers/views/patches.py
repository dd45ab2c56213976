"""How a live page asks for parts of what it shows: with one parameter it names the rows or steps that changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

ROW_PARAMETER: Final = "row"
# No name and no number: asks for all, after a time in which changes may have been missed.
ALL: Final = "*"
# Before a time: asks for what has changed since, so that a long list need not be sent twice when its page has just been made.
SINCE: Final = "@"


@dataclass(frozen=True)
class Wanted:
    """The rows that are asked for; those that have not changed are not sent."""

    rows: frozenset[str]
    since: datetime | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Self | None:
        """Return what is asked for, or None where the page as a whole is."""
        if ROW_PARAMETER not in request.GET:
            return None
        rows = frozenset(request.GET.getlist(ROW_PARAMETER))
        times = [_time(row) for row in rows if row.startswith(SINCE)]
        return cls(rows, min((time for time in times if time), default=None))

    @property
    def is_all(self) -> bool:
        return ALL in self.rows

    @property
    def numbers(self) -> list[int]:
        """The rows that are named by a number, as steps are."""
        return [int(row) for row in self.rows if row.isascii() and row.isdigit() and len(row) < 10]

    def __contains__(self, row: object) -> bool:
        return self.is_all or str(row) in self.rows

    def is_since(self, *moments: datetime | None) -> bool:
        """Whether one of `moments` is not older than the page that asks."""
        since = self.since
        return since is not None and any(moment is not None and moment >= since for moment in moments)


def _time(row: str) -> datetime | None:
    try:
        moment = parse_datetime(row.removeprefix(SINCE))
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
