"""What the active jobs are doing with each container, and with that, how each container is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from django.utils.safestring import SafeString

from containers.choices import ACTIVE_JOB_STATES, StepState
from containers.domain.graph import Graph
from containers.domain.plan import Action
from containers.models import Container, Job, Step
from containers.services import sight
from containers.views.reasons import reason_of
from containers.views.states import Activity, Badge, badge_of

UNENDED: Final = (StepState.PENDING, StepState.RUNNING)


@dataclass(frozen=True)
class Shown:
    """A container and how to show it."""

    container: Container
    badge: Badge
    reason: SafeString

    @property
    def name(self) -> str:
        return self.container.name


def load(graph: Graph | None = None) -> dict[str, Activity]:
    """Return what active jobs do, by container; those that no job has come to yet are missing. One query.

    With `graph`, what has not begun is said to wait for those that come before it.
    """
    steps = Step.objects.filter(job__in=sight.jobs().active(), container__gt="").order_by("container", "job", "number")
    rows = steps.values_list("container", "job__operation", "job", "job__state", "action", "state", "note")
    known = {name: _current([Activity(*row[1:]) for row in group]) for name, group in groupby(rows, key=lambda row: row[0])}
    return {name: _waiting(name, activity, graph, known) for name, activity in known.items()} if graph else known


def queued(job: Job | None) -> Activity | None:
    """Return what is to be said while a container's job has no steps yet."""
    if job is None or job.state not in ACTIVE_JOB_STATES:
        return None
    return Activity(job.operation, job.pk, job.state, note=job.reason)


def show(containers: Iterable[Container], graph: Graph | None = None) -> list[Shown]:
    """Return the containers, whose last jobs are loaded, each with its badge and reason. One query."""
    known = load(graph)
    return [_show(container, known.get(container.name) or queued(container.last_job)) for container in containers]


def blockers(name: str, action: str, graph: Graph, unended: Iterable[str]) -> tuple[str, ...]:
    """Return whom a step that has not begun waits for: what it needs on the way up, what needs it on the way down."""
    before = graph.needed_by(name) if action in (Action.STOP, Action.DESTROY) else graph.needs(name)
    return tuple(other for other in before if other in set(unended))


def _show(container: Container, activity: Activity | None) -> Shown:
    badge = badge_of(container, activity)
    return Shown(container, badge, reason_of(container, badge, activity))


def _current(steps: list[Activity]) -> Activity:
    """Return the first step that has not ended, or else the last one."""
    return next((step for step in steps if step.step_state in UNENDED), steps[-1])


def _waiting(name: str, activity: Activity, graph: Graph, known: Mapping[str, Activity]) -> Activity:
    if activity.step_state != StepState.PENDING:
        return activity
    unended = [other for other, step in known.items() if step.step_state in UNENDED]
    return replace(activity, waits_for=blockers(name, activity.action, graph, unended))
