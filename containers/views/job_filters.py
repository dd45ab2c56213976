"""The filters above the list of jobs: how many jobs each state has, and what else is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from django.db.models import Count
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from containers.choices import ACTIVE_JOB_STATES, JobState
from containers.forms.queries import ACTIVE, JobQuery
from containers.querysets import JobQuerySet
from containers.views import states, wording

# What needs eyes first.
_ORDER: Final = (
    JobState.FAILED,
    JobState.ERRORED,
    JobState.LOST,
    JobState.RUNNING,
    JobState.WAITING,
    JobState.QUEUED,
    JobState.CANCELLED,
    JobState.SUCCEEDED,
)


@dataclass(frozen=True)
class Chip:
    """A state: `key` in the URL, how many jobs it would leave."""

    key: str
    word: str | Promise
    glyph: str
    ink: str
    count: int
    is_current: bool


@dataclass(frozen=True)
class Applied:
    """A filter that is on, by its name in the URL."""

    name: str
    word: str | Promise
    value: str


def chips(query: JobQuery, jobs: JobQuerySet) -> tuple[int, list[Chip]]:
    """Return how many of `jobs` fit whatever their state, and a chip for each state that there is; one query."""
    rows = replace(query, state="").apply(jobs).order_by().values_list("state").annotate(count=Count("pk", distinct=True))
    counts = dict(rows)
    active = sum(counts.get(state, 0) for state in ACTIVE_JOB_STATES)
    found = [Chip(ACTIVE, _("Not ended"), "dot", "move", active, query.state == ACTIVE)]
    for state in _ORDER:
        badge = states.JOB_BADGES[state]
        found.append(Chip(state, badge.word, badge.glyph, badge.ink, counts.get(state, 0), query.state == state))
    return sum(counts.values()), [chip for chip in found if chip.count or chip.is_current]


def applied(query: JobQuery) -> list[Applied]:
    """Return the filters beside the state that are on."""
    return [item for item in _all(query) if item.value]


def _all(query: JobQuery) -> Iterable[Applied]:
    yield Applied("operation", _("Operation"), wording.operation_label(query.operation) if query.operation else "")
    yield Applied("container", _("Container"), query.container)
    yield Applied("user", _("User"), query.user)
    yield Applied("since", _("From"), wording.day(query.since) if query.since else "")
    yield Applied("until", _("To"), wording.day(query.until) if query.until else "")
