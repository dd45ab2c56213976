"""What the active jobs are doing with each container, and with that, how each container is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from django.utils.safestring import SafeString

from containers.choices import ACTIVE_JOB_STATES, StepState
from containers.models import Container, Job, Step
from containers.services import hosts
from containers.views.reasons import reason_of
from containers.views.states import Activity, Badge, badge_of

_UNENDED: Final = (StepState.PENDING, StepState.RUNNING)


@dataclass(frozen=True)
class Shown:
    """A container and how to show it."""

    container: Container
    badge: Badge
    reason: SafeString

    @property
    def name(self) -> str:
        return self.container.name


def load(names: Iterable[str] | None = None) -> dict[str, Activity]:
    """Return what active jobs do, by container; those that no job has come to yet are missing. One query."""
    steps = Step.objects.filter(job__in=hosts.jobs().active(), container__gt="").order_by("container", "job", "number")
    if names is not None:
        steps = steps.filter(container__in=list(names))
    rows = steps.values_list("container", "job__operation", "action", "state", "note")
    return {name: _current([Activity(*row[1:]) for row in group]) for name, group in groupby(rows, key=lambda row: row[0])}


def queued(job: Job | None) -> Activity | None:
    """Return what is to be said while a container's job has no steps yet."""
    return Activity(job.operation, note=job.reason) if job is not None and job.state in ACTIVE_JOB_STATES else None


def show(containers: Iterable[Container]) -> list[Shown]:
    """Return the containers, whose last jobs are loaded, each with its badge and reason. One query."""
    containers = list(containers)
    known = load(container.name for container in containers)
    return [_show(container, known.get(container.name) or queued(container.last_job)) for container in containers]


def _show(container: Container, activity: Activity | None) -> Shown:
    badge = badge_of(container, activity)
    return Shown(container, badge, reason_of(container, badge, activity))


def _current(steps: list[Activity]) -> Activity:
    """Return the first step that has not ended, or else the last one."""
    return next((step for step in steps if step.step_state in _UNENDED), steps[-1])
