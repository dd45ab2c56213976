"""What lists are asked for in the URL. A value that makes no sense counts as not given: an old link still shows a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Self

from django.http import QueryDict
from django.utils import timezone

from containers.choices import EventKind, JobState, Operation, Via
from containers.domain.names import container_name
from containers.querysets import EventQuerySet, JobQuerySet
from containers.services.hosts import is_name
from containers.services.simulation import Scenario

MAX_SEARCH: Final = 100
# Containers on a page: what a browser shows at once, and all that can be asked for.
ROWS: Final = (50, 1_000)
# Beside the states: all that have not ended.
ACTIVE: Final = "active"
# Without one of them, both are shown.
GRAPH_VIEWS: Final = ("table", "drawing")


@dataclass(frozen=True)
class ContainerQuery:
    search: str = ""
    state: str = ""
    pending: bool = False
    drift: bool = False
    sort: str = "name"
    group: str = ""
    page: str = "1"
    # How many stand on a page.
    rows: int = ROWS[0]

    @classmethod
    def of(cls, data: QueryDict, *, states: set[str], sorts: set[str], groups: set[str]) -> Self:
        rows = data.get("rows", "")
        state, sort, group = data.get("state", "").lower(), data.get("sort", ""), data.get("group", "")
        return cls(
            search=_text(data, "search"),
            state=state if state in states else "",
            pending=data.get("pending") == "1",
            drift=data.get("drift") == "1",
            sort=sort if sort in sorts else "name",
            group=group if group in groups else "",
            page=data.get("page", "1"),
            rows=int(rows) if rows in {*map(str, ROWS)} else ROWS[0],
        )


@dataclass(frozen=True)
class AppQuery:
    search: str = ""
    category: str = ""

    @classmethod
    def of(cls, data: QueryDict) -> Self:
        return cls(search=_text(data, "search"), category=_text(data, "category"))


@dataclass(frozen=True)
class JobQuery:
    operation: str = ""
    state: str = ""
    container: str = ""
    user: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, data: QueryDict) -> Self:
        operation, state = data.get("operation", ""), data.get("state", "")
        return cls(
            operation=operation if operation in Operation.values else "",
            state=state if state in JobState.values or state == ACTIVE else "",
            container=_text(data, "container"),
            user=_text(data, "user"),
            since=_date(data, "since"),
            until=_date(data, "until"),
        )

    @property
    def is_filtered(self) -> bool:
        return self != JobQuery()

    def apply(self, jobs: JobQuerySet) -> JobQuerySet:
        """Return those of `jobs` that fit; `until` is a whole day in the panel's time zone."""
        if self.operation:
            jobs = jobs.filter(operation=self.operation)
        if self.state:
            jobs = jobs.active() if self.state == ACTIVE else jobs.filter(state=self.state)
        if self.container:
            jobs = jobs.filter(containers__name=self.container)
        if self.user:
            jobs = jobs.filter(user_name=self.user)
        if self.since:
            jobs = jobs.filter(created_at__gte=_midnight(self.since))
        if self.until:
            jobs = jobs.filter(created_at__lt=_midnight(self.until + timedelta(days=1)))
        return jobs


@dataclass(frozen=True)
class AuditQuery:
    """Which events; `subject` is one thing's whole story, events of the jobs that touched it included."""

    who: str = ""
    kind: str = ""
    subject: str = ""
    via: str = ""
    job: int | None = None
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, data: QueryDict) -> Self:
        kind, via, job = data.get("kind", ""), data.get("via", ""), data.get("job", "")
        return cls(
            who=_text(data, "who"),
            kind=kind if kind in EventKind.values else "",
            subject=_text(data, "subject"),
            via=via if via in Via.values else "",
            job=int(job) if job.isascii() and job.isdigit() and len(job) < 19 else None,
            since=_date(data, "since"),
            until=_date(data, "until"),
        )

    @property
    def is_filtered(self) -> bool:
        return self != AuditQuery()

    def apply(self, events: EventQuerySet) -> EventQuerySet:
        """Return those of `events` that fit; `until` is a whole day in the panel's time zone."""
        wanted: dict[str, object] = {"user_name": self.who, "kind": self.kind, "via": self.via, "job": self.job}
        events = events.filter(**{key: value for key, value in wanted.items() if value})
        if self.subject:
            events = events.about(self.subject)
        if self.since:
            events = events.filter(at__gte=_midnight(self.since))
        if self.until:
            events = events.filter(at__lt=_midnight(self.until + timedelta(days=1)))
        return events


@dataclass(frozen=True)
class GraphQuery:
    """How the dependencies are shown, and what is simulated."""

    view: str = ""
    scenario: Scenario | None = None
    containers: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: QueryDict) -> Self:
        view, operation = data.get("view", ""), data.get("operation", "")
        scenario = Scenario(operation) if operation in {*Scenario} else None
        names = tuple(name for name in dict.fromkeys(data.getlist("container")) if is_name(container_name, name))
        if scenario is not None and scenario.is_whole_host:
            names = ()
        return cls(view if view in GRAPH_VIEWS else "", scenario, names)

    @property
    def has_table(self) -> bool:
        return self.view != "drawing"

    @property
    def has_drawing(self) -> bool:
        return self.view != "table"


@dataclass(frozen=True)
class LogQuery:
    """How much of a log is shown; `after` is where a page that follows has got to."""

    lines: int
    search: str = ""
    after: str | None = None

    @classmethod
    def of(cls, data: QueryDict, lengths: tuple[int, ...]) -> Self:
        lines = data.get("lines", "")
        known = {str(length): length for length in lengths}
        return cls(known.get(lines, lengths[0]), _text(data, "search"), data.get("after"))


def _text(data: QueryDict, name: str) -> str:
    return data.get(name, "").replace("\0", "").strip()[:MAX_SEARCH]


def _date(data: QueryDict, name: str) -> date | None:
    try:
        day = date.fromisoformat(data.get(name, ""))
    except ValueError:
        return None
    # The day after has to exist, too.
    return day if date(1970, 1, 1) <= day < date(9999, 1, 1) else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
