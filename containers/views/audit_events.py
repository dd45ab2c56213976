"""Events as people read them: what was done in a few words, what it led to, and what was so at that time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.conf import settings
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from containers.choices import EventKind, JobState, Operation
from containers.domain.text import shown
from containers.models import Command, Container, Event, Job, JobContainer, Revision
from containers.services import hosts, sight, typed
from containers.services.typed import Typed
from containers.views import differences, states, wording
from containers.views.differences import Change

MOST_COMMANDS: Final = 500
MAX_WORDS: Final = 160
# What went wrong, and what nobody would do twice.
_BAD: Final = (
    EventKind.SIGN_IN_FAIL,
    EventKind.SIGN_IN_CONFIRM_FAIL,
    EventKind.PERMISSION_REFUSE,
    EventKind.QUEUE_REFUSE,
    EventKind.TICKET_REFUSE,
    EventKind.AUDIT_BROKEN,
)


@dataclass(frozen=True)
class Definition:
    """The revision of a container that was in force, and whether others have come since."""

    container: str
    revision: int
    # None where the container is gone.
    latest: int | None

    @property
    def has_changed(self) -> bool:
        return self.latest is not None and self.latest != self.revision


@dataclass(frozen=True)
class ShownEvent:
    """One event, as a row or as a page of its own."""

    event: Event

    @property
    def kind(self) -> str | Promise:
        """Its word; a row that somebody else has written may have any kind."""
        return EventKind(self.event.kind).label if self.event.kind in EventKind else shown(self.event.kind)

    @property
    def subject(self) -> str:
        return shown(self.event.subject, max_length=100)

    @property
    def user_name(self) -> str:
        return shown(self.event.user_name, max_length=150)

    @property
    def is_bad(self) -> bool:
        return self.event.kind in _BAD or self.data.get("state") in (JobState.FAILED, JobState.ERRORED, JobState.LOST)

    @cached_property
    def data(self) -> dict[str, Any]:
        data = typed.of_event(self.event, sight.current())
        return data if isinstance(data, dict) else {"data": data}

    @property
    def words(self) -> str:
        """What it was, beside its kind: an operation, a state, the fields that changed."""
        return shown(", ".join(filter(None, map(str, _words(self.data)))), max_length=MAX_WORDS)

    @property
    def text(self) -> str:
        """All that was recorded, line by line; ASCII, so that nothing is hidden by what it looks like."""
        return json.dumps(self.data, indent=2, sort_keys=True)

    @cached_property
    def changes(self) -> list[Change]:
        """What is different after it, field by field, of a container's definition."""
        before, after = self.data.get("before"), self.data.get("after")
        if not self.event.kind.startswith("container.") or not all(isinstance(side, dict | None) for side in (before, after)):
            return []
        try:
            return differences.between(before or {}, after or {})
        except (TypeError, ValueError, AttributeError):
            # What somebody else has written is shown as it is, below.
            return []

    @cached_property
    def commands(self) -> list[Command]:
        """The programs that ran on the host because of it, two queries."""
        if self.event.job_id is None:
            return []
        rows = Command.objects.filter(step__job=self.event.job_id).select_related("step").order_by("started_at", "pk")
        found = list(rows[:MOST_COMMANDS])
        job = Typed.of(Job.objects.get(pk=self.event.job_id))
        for row in found:
            row.argv = job.argv(row, row.step.container)
        return found

    @cached_property
    def job_state(self) -> str | Promise:
        """What has become of its job; empty without one."""
        state = hosts.jobs().filter(pk=self.event.job_id or 0).values_list("state", flat=True).first()
        return states.JOB_BADGES[JobState(state)].word if state is not None and state in JobState else ""

    @cached_property
    def definitions(self) -> list[Definition]:
        """What the definitions of its containers were then: four queries at most, for however many."""
        names = self._names()
        latest = dict(hosts.containers().filter(name__in=names).values_list("name", "revision"))
        found: dict[str, int] = {}
        rows = Revision.objects.filter(Q(created_at__lte=self.event.at), container__name__in=names)
        for name, number in rows.order_by("number").values_list("container_name", "number"):
            found[name] = number
        return [Definition(name, number, latest.get(name)) for name, number in sorted(found.items())]

    def _names(self) -> list[str]:
        if self.event.job_id is not None:
            return list(Container.objects.filter(name__in=self._job_names()).values_list("name", flat=True))
        return [self.event.subject]

    def _job_names(self) -> list[str]:
        rows = JobContainer.objects.filter(job=self.event.job_id or 0, job__host__name=settings.HOST)
        return list(rows.values_list("name", flat=True))


def _words(data: dict[str, Any]) -> Iterator[object]:
    operation = data.get("operation")
    if isinstance(operation, str):
        yield wording.operation_label(operation) if operation in Operation else operation
    yield from (data[key] for key in ("state", "reason", "how", "finding", "path") if isinstance(data.get(key), str))
    yield from _changed(data)
    if isinstance(revision := data.get("revision"), int):
        yield _("revision %(number)d") % {"number": revision}


def _changed(data: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the fields that are different after it."""
    sides = [side for side in (data.get("before"), data.get("after")) if isinstance(side, dict)]
    if len(sides) == 2:
        yield from dict.fromkeys(str(key) for side in sides for key in side)
