"""All that the list of containers shows: read once, judged in memory, at most six queries for any number of rows."""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from containers.choices import ACTIVE_JOB_STATES, ContainerState
from containers.domain.graph import Graph
from containers.domain.usage import Usage
from containers.errors import InvalidRequest
from containers.forms.queries import ContainerQuery
from containers.services import metrics, sight
from containers.views import activities, states
from containers.views.states import Activity, Badge

SORTS: Final[dict[str, str | Promise]] = {
    "name": _("name"),
    "order": _("start order"),
    "state": _("state"),
    "address": _("address"),
    "cpu": _("CPU now"),
    "memory": _("memory now"),
    "job": _("last job"),
}

_COLUMNS: Final = (
    "pk",
    "name",
    "description",
    "state",
    "state_since",
    "is_ready",
    "ready",
    "failure",
    "build",
    "is_created",
    "is_mounted",
    "address",
    "autostart",
    "protected",
    "memory_bytes",
    "cpus",
    "pids",
    "digest",
    "applied_digest",
    "drift_digest",
    "drift_ignored",
    "last_job",
    "last_job__state",
    "last_job__operation",
    "last_job__reason",
    # When it ended, or if it has not, when it was asked for.
    "job_at",
    "installed__installation__name",
)


NOTHING: Final = Usage()


@dataclass(slots=True)
class Row:
    """One container, with the model's own names; no model, since making a thousand of those takes half the time."""

    key: int
    name: str
    description: str
    state: str
    state_since: datetime | None
    is_ready: bool | None
    ready: str | None
    failure: str
    build: bool
    is_created: bool
    is_mounted: bool
    address: str
    autostart: bool
    protected: bool
    memory_bytes: int | None
    cpus: float | None
    pids: int | None
    digest: str
    applied_digest: str
    drift_digest: str
    drift_ignored: str
    job: int | None
    job_state: str | None
    job_operation: str | None
    job_reason: str | None
    job_at: datetime | None
    # The installation of an app that it belongs to.
    app: str | None
    activity: Activity | None = None
    badge: Badge = states.UNKNOWN
    tier: int = 0
    needs: tuple[str, ...] = ()
    used: Usage = NOTHING

    @property
    def is_pending(self) -> bool:
        return self.state != ContainerState.STOPPED and bool(self.applied_digest) and self.applied_digest != self.digest

    @property
    def has_drift(self) -> bool:
        return bool(self.drift_digest) and self.drift_digest != self.drift_ignored


@dataclass(frozen=True)
class Chip:
    """A filter: `value` in the URL, how many rows it would leave."""

    badge: Badge
    count: int
    is_current: bool


@dataclass
class Listing:
    """The rows that a query asks for, and what would be left by others."""

    query: ContainerQuery
    # What keeps the rows of a group together, where there are groups.
    group_key: Callable[[Row], Any] | None = None

    @cached_property
    def found(self) -> list[Row]:
        """All that the search leaves, in every state."""
        rows = sight.containers().order_by("name").annotate(job_at=Coalesce("last_job__ended_at", "last_job__created_at"))
        if self.query.search:
            rows = rows.search(self.query.search)
        found = [Row(*values) for values in rows.values_list(*_COLUMNS)]
        self._judge(found)
        return found

    @cached_property
    def now(self) -> metrics.Now:
        """What was last sampled; a query of its own."""
        return metrics.now()

    @cached_property
    def shown(self) -> list[Row]:
        """All that the chips leave, sorted."""
        rows = [row for row in self.found if self._passes(row)]
        rows.sort(key=_SORT_KEYS[self.query.sort])
        if self.group_key is not None:
            rows.sort(key=self.group_key)
        return rows

    @cached_property
    def page(self) -> Page[Row]:
        return Paginator(self.shown, self.query.rows).get_page(self.query.page)

    @cached_property
    def elsewhere(self) -> str:
        """What stands on other pages, is up and needs something, as JSON: {name: [what it needs, …]}."""
        here = {row.key for row in self.page.object_list}
        up = (row for row in self.found if row.needs and row.state != ContainerState.STOPPED and row.key not in here)
        return json.dumps({row.name: row.needs for row in up})

    @property
    def chips(self) -> list[Chip]:
        """The states that occur, and the one that is chosen."""
        counts = Counter(row.badge.key for row in self.found)
        chips = [Chip(badge, counts[badge.key], badge.key == self.query.state) for badge in states.CONTAINER_BADGES]
        return [chip for chip in chips if chip.count or chip.is_current]

    @cached_property
    def pending_count(self) -> int:
        return sum(row.is_pending for row in self.found)

    @cached_property
    def drift_count(self) -> int:
        return sum(row.has_drift for row in self.found)

    @property
    def is_filtered(self) -> bool:
        return bool(self.query.search or self.query.state or self.query.pending or self.query.drift)

    def _judge(self, rows: list[Row]) -> None:
        graph = Graph(sight.edges())
        known = activities.load(graph)
        tiers = _tiers(graph)
        for row in rows:
            row.activity = known.get(row.name) or _queued(row)
            row.badge = states.badge_of(row, row.activity)
            row.tier = tiers.get(row.name, 0)
            row.needs = graph.needs(row.name)
            row.used = self.now.containers.get(row.key, NOTHING)

    def _passes(self, row: Row) -> bool:
        if self.query.state and row.badge.key != self.query.state:
            return False
        return (row.is_pending or not self.query.pending) and (row.has_drift or not self.query.drift)


def _queued(row: Row) -> Activity | None:
    if row.job is None or row.job_operation is None or row.job_state not in ACTIVE_JOB_STATES:
        return None
    return Activity(row.job_operation, row.job, row.job_state, note=row.job_reason or "")


def _tiers(graph: Graph) -> dict[str, int]:
    try:
        return {name: number for number, tier in enumerate(graph.tiers(), start=1) for name in tier}
    except InvalidRequest:
        # Rows changed behind the forms' back: the list still has to show them.
        return {}


_BADGE_ORDER: Final = {badge.key: number for number, badge in enumerate(states.CONTAINER_BADGES)}
_SORT_KEYS: Final[dict[str, Callable[[Row], Any]]] = {
    "name": lambda row: row.name,
    "order": lambda row: (row.tier, row.name),
    "state": lambda row: (_BADGE_ORDER[row.badge.key], row.name),
    "address": lambda row: ipaddress.ip_address(row.address),
    "cpu": lambda row: (-(row.used.cpu or 0), row.name),
    "memory": lambda row: (-(row.used.memory_bytes or 0), row.name),
    "job": lambda row: (-(row.job or 0), row.name),
}
