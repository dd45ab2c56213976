"""What an operation would do, from rows alone. The worker asks the same planner with facts from the host."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from containers.choices import CONTAINER_OPERATIONS
from containers.domain import plan as planner
from containers.domain.graph import Graph
from containers.domain.names import container_name
from containers.domain.plan import Fact, Plan
from containers.domain.states import Operation, State
from containers.domain.text import shown
from containers.errors import Forbidden, InvalidRequest, NotFound
from containers.models import Container, Dependency
from containers.services import hosts, sight

# Their targets are not named but found.
WHOLE_HOST: Final = (Operation.AUTOSTART, Operation.SHUTDOWN)
PLANNED: Final = (
    *(Operation(operation) for operation in CONTAINER_OPERATIONS),
    Operation.EXECUTE,
    *WHOLE_HOST,
)


def preview(operation: Operation, names: Sequence[str] = ()) -> Plan:
    """Return what `operation` on `names` would do, in order and with reasons; autostart and shutdown need no names.

    Two queries. Raises NotFound naming what does not exist, Conflict where the present state forbids it, InvalidRequest,
    and Forbidden where it changes what is not seen by who looks; what is not seen and stays as it is, is left out.
    """
    check_seen(operation, names)
    plan, seen = draw(operation, names)[0], sight.current()
    if hidden := seen.unseen(plan.changed):
        raise Forbidden(_beyond(len(hidden)), resolution="Ask an administrator")
    return replace(plan, steps=tuple(step for step in plan.steps if seen.covers(step.container)))


def _beyond(count: int) -> str:
    return f"It takes {count} more container{'s' if count > 1 else ''}, which you may not see"


def check_seen(operation: Operation, names: Sequence[str]) -> None:
    """Raise NotFound for names of what is not seen by who looks, Forbidden for the whole host where something is not."""
    seen = sight.current()
    check_exist(seen.unseen(names))
    if operation in WHOLE_HOST and seen.scopes is not None:
        raise Forbidden("You may not see all containers of the host")


def draw(operation: Operation, names: Sequence[str] = ()) -> tuple[Plan, frozenset[str]]:
    """Return the plan of an operation and its scope: all the containers that it reads or changes."""
    require_planned(operation)
    if operation in WHOLE_HOST:
        return _draw_whole(operation)
    if not names:
        raise InvalidRequest.of("containers", "at least one container is needed")
    targets = tuple(dict.fromkeys(names))
    check_exist([name for name in targets if not hosts.is_name(container_name, name)])
    known = graph(targets)
    scope = planner.scope(operation, targets, known)
    found = facts(scope)
    check_exist(sorted(set(targets) - set(found)))
    return planner.plan(operation, targets, known, found), scope


def require_planned(operation: Operation) -> None:
    """Raise InvalidRequest unless `operation` is one on containers."""
    if operation not in PLANNED:
        raise InvalidRequest.of("operation", f"must be one of {', '.join(PLANNED)}")


def check_exist(missing: Sequence[str]) -> None:
    """Raise NotFound naming what is `missing`, if anything is."""
    if missing:
        raise NotFound(f"There is no container {', '.join(shown(name) for name in missing)}")


def _draw_whole(operation: Operation) -> tuple[Plan, frozenset[str]]:
    found = facts()
    known = graph(found)
    plan = planner.plan(operation, (), known, found)
    return plan, planner.scope(operation, plan.targets, known) if plan.targets else frozenset()


def graph(names: Collection[str] = ()) -> Graph:
    """Return who depends on whom on this host, with `names` in it whether they have dependencies or not; one query."""
    edges: dict[str, list[str]] = {name: [] for name in names}
    rows = Dependency.objects.filter(container__in=hosts.containers()).order_by("container__name", "position")
    for name, needs in rows.values_list("container__name", "needs__name"):
        edges.setdefault(name, []).append(needs)
        edges.setdefault(needs, [])
    return Graph(edges)


def facts(names: Collection[str] | None = None) -> dict[str, Fact]:
    """Return what the rows say of the containers `names`, or of all; those that do not exist are missing. One query."""
    rows = hosts.containers() if names is None else hosts.containers().filter(name__in=names)
    return {row.name: fact_of(row) for row in rows.only("name", "state", "is_ready", "ready", "is_mounted", "autostart", "build")}


def fact_of(row: Container) -> Fact:
    """Return what the planner needs to know of a container."""
    return Fact(
        state=State(row.state),
        is_ready=row.is_ready,
        has_ready_check=row.ready is not None,
        is_mounted=row.is_mounted,
        autostart=row.autostart,
        has_ephemeral=not row.build,
    )
