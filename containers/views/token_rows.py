"""Tokens as lists show them: whether one is good still, and for what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone

from containers.choices import Right
from containers.models import ApiToken
from containers.services.token_terms import READ_ONLY

# A token that ends within this time is marked: somebody has to make the next one.
SOON: Final = timedelta(days=7)


@dataclass(frozen=True)
class ShownToken:
    row: ApiToken

    @property
    def is_over(self) -> bool:
        return self.row.expires_at is not None and self.row.expires_at <= timezone.now()

    @property
    def ends_soon(self) -> bool:
        return self.row.expires_at is not None and not self.is_over and self.row.expires_at - timezone.now() < SOON

    @property
    def is_read_only(self) -> bool:
        return set(self.row.scope) == set(READ_ONLY)

    @property
    def rights(self) -> str:
        """The words of its scope; empty for all that its owner may."""
        return ", ".join(str(Right(one).label) for one in self.row.scope if one in Right.values)


def shown(rows: Iterable[ApiToken]) -> list[ShownToken]:
    return [ShownToken(row) for row in rows]
