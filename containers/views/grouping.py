"""Rows of the container list in groups: each way of grouping is one line of `GROUPINGS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.views import states, wording
from containers.views.listing import Row


@dataclass(frozen=True)
class Grouping:
    """`key` tells the groups apart and sorts them, `title` names the group that a row is in."""

    label: str | Promise
    key: Callable[[Row], Any]
    title: Callable[[Row], str]


@dataclass(frozen=True)
class Group:
    number: int
    title: str
    rows: list[Row]

    @property
    def counts(self) -> str:
        """How many are in which state: "2 running, 1 failed"."""
        counts = Counter(row.badge.key for row in self.rows)
        badges = [badge for badge in states.CONTAINER_BADGES if counts[badge.key]]
        return ", ".join(f"{counts[badge.key]} {wording.inside(str(badge.word))}" for badge in badges)


def _tier(row: Row) -> str:
    # Rows that were changed behind the forms' back can need each other in a circle.
    return _("Tier %(number)d") % {"number": row.tier} if row.tier else _("In no tier")


def _app(row: Row) -> str:
    return row.app or _("No app")


GROUPINGS: Final = {
    "tier": Grouping(gettext_lazy("tier"), lambda row: row.tier, _tier),
    # What belongs to none comes last.
    "app": Grouping(gettext_lazy("app"), lambda row: (row.app is None, row.app), _app),
}


def groups(rows: Iterable[Row], by: str) -> list[Group]:
    """Return the rows in groups, within each in the order that they have."""
    grouping = GROUPINGS[by]
    found = groupby(sorted(rows, key=grouping.key), key=grouping.key)
    return [
        Group(number, grouping.title(members[0]), members) for number, members in enumerate((list(some) for _k, some in found), 1)
    ]
