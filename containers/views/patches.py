"""How a live page asks for parts of what it shows: with one parameter it names the rows or steps that changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from django.http import HttpRequest

ROW_PARAMETER: Final = "row"
# No name and no number: asks for all, after a time in which changes may have been missed.
ALL: Final = "*"


@dataclass(frozen=True)
class Wanted:
    """The rows that are asked for; those that have not changed are not sent."""

    rows: frozenset[str]

    @classmethod
    def of(cls, request: HttpRequest) -> Self | None:
        """Return what is asked for, or None where the page as a whole is."""
        return cls(frozenset(request.GET.getlist(ROW_PARAMETER))) if ROW_PARAMETER in request.GET else None

    def __contains__(self, row: object) -> bool:
        return ALL in self.rows or str(row) in self.rows
