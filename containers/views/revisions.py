"""Two revisions beside each other, and what is known of the newer one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from containers.models import Container, Event, Job, Revision
from containers.services import starts
from containers.views import differences
from containers.views.differences import Change

MOST_JOBS: Final = 5


@dataclass(frozen=True)
class Listed:
    """A revision in the list; of the oldest that is loaded, what it changed is not known."""

    row: Revision
    field_count: int | None

    @classmethod
    def of(cls, rows: Sequence[Revision]) -> list[Self]:
        """`rows` are newest first, without a gap."""
        before = [*rows[1:], None]
        counts = (differences.count(old.data, new.data) if old else None for new, old in zip(rows, before, strict=True))
        return [cls(row, count) for row, count in zip(rows, counts, strict=True)]


@dataclass(frozen=True)
class Since:
    """What changed of a container between its last good start and a start that failed."""

    name: str
    job: int
    old: int
    new: int
    changes: list[Change]

    @classmethod
    def last_good(cls, job: Job, name: str) -> Self | None:
        """Return it for the start of `name` in `job`; None where there was none before. Two queries."""
        number = job.revisions.get(name)
        good = starts.last_good(name, before=job)
        if good is None or not isinstance(number, int):
            return None
        rows = Revision.objects.filter(container__host=job.host_id, container__name=name, number__in=(good.revision, number))
        data = {row.number: row.data for row in rows}
        if not {good.revision, number} <= data.keys():
            return None
        return cls(name, good.job, good.revision, number, differences.between(data[good.revision], data[number]))


@dataclass(frozen=True)
class Comparison:
    """`old` and `new` revision of a container, one beside the other; `old` is None before the first."""

    container: Container
    old: Revision | None
    new: Revision
    # Two that somebody chose, and not one with the one before it.
    is_chosen: bool = False

    @cached_property
    def changes(self) -> list[Change]:
        return differences.between(self.old.data if self.old else {}, self.new.data)

    @property
    def is_current(self) -> bool:
        return self.new.number == self.container.revision

    @property
    def is_applied(self) -> bool:
        return self.new.number == self.container.applied_revision

    @property
    def waiting(self) -> int:
        """How many of the changes wait for a restart."""
        applied = self.container.applied_revision
        if not self.container.is_pending or applied is None or self.new.number <= applied:
            return 0
        return sum(change.needs_restart for change in self.changes)

    @cached_property
    def event(self) -> Event | None:
        """The request that saved the newer one, as the audit trail has it."""
        # Of a later container of the same name there are others; a request writes its event after the revision.
        events = Event.objects.filter(subject=self.new.container_name, at__gte=self.new.created_at).order_by("id")
        if self.new.number == 1:
            return events.filter(kind="container.create").first()
        return events.filter(kind="container.update", data__revision=self.new.number).first()

    @cached_property
    def jobs(self) -> list[Job]:
        return starts.using(self.new, MOST_JOBS)
