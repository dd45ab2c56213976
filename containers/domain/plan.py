"""What an operation does, in which order and why: the planner. Pure: the same facts always make the same plan.

A preview and the worker ask the same function, so what a page announces is what is run.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Final

from containers.domain.alone import RULES, Rule
from containers.domain.graph import Graph
from containers.domain.states import Operation, State
from containers.domain.steps import ASKED_FOR, Action, Fact, Plan, PlanStep
from containers.errors import Conflict, InvalidRequest, NotFound

__all__ = ["Action", "Fact", "Plan", "PlanStep", "plan", "scope"]

# These take every container that fits when none is named.
_WHOLE_HOST: Final = frozenset({Operation.AUTOSTART, Operation.SHUTDOWN})
_WITH_DEPENDENTS: Final = frozenset({Operation.STOP, Operation.SHUTDOWN, Operation.RESTART, Operation.RESET})
_WITH_DEPENDENCIES: Final = frozenset({Operation.START, Operation.AUTOSTART, Operation.RESTART, Operation.RESET})


def scope(operation: Operation, targets: Iterable[str], graph: Graph) -> frozenset[str]:
    """Return every container whose state the operation reads or changes: what must be locked, and have a Fact."""
    names = frozenset(targets)
    if operation in _WHOLE_HOST and not names:
        return graph.names
    if operation in _WITH_DEPENDENTS:
        names |= graph.dependents(names)
    if operation in _WITH_DEPENDENCIES:
        names |= graph.dependencies(names)
    return names


def plan(operation: Operation, targets: Sequence[str], graph: Graph, facts: Mapping[str, Fact]) -> Plan:
    """Return the plan of `operation` on `targets`; `facts` holds at least the containers of `scope`.

    Raises NotFound for a target that does not exist, Conflict where a state forbids the operation, and
    InvalidRequest where the dependencies have a fault, no target is named or the operation is none on containers.
    """
    names = _select(operation, tuple(dict.fromkeys(targets)), graph, facts)
    planner = _Planner(graph, facts)
    if operation in _TRANSITIONS:
        _TRANSITIONS[operation](planner, names)
    elif operation in RULES:
        planner.each_alone(RULES[operation], names)
    else:
        raise InvalidRequest.of("operation", f"{operation.value} is not an operation on containers")
    return Plan(operation, names, tuple(planner.steps))


def _select(operation: Operation, names: tuple[str, ...], graph: Graph, facts: Mapping[str, Fact]) -> tuple[str, ...]:
    if missing := [name for name in names if name not in graph.names]:
        raise NotFound(f"there is no container {', '.join(missing)}")
    if operation == Operation.AUTOSTART:
        return tuple(name for name in names or sorted(graph.names) if facts[name].autostart)
    if operation == Operation.SHUTDOWN:
        return tuple(name for name in names or sorted(graph.names) if facts[name].state != State.STOPPED)
    if not names:
        raise InvalidRequest("no container is named")
    return names


class _Planner:
    """Collects the steps of one plan."""

    def __init__(self, graph: Graph, facts: Mapping[str, Fact]) -> None:
        self.steps: list[PlanStep] = []
        self._graph = graph
        self._facts = facts

    def _add(self, container: str, action: Action, reason: str, after: Iterable[int] = ()) -> int:
        number = len(self.steps) + 1
        self.steps.append(PlanStep(number, container, action, reason, tuple(sorted(set(after)))))
        return number

    def start(self, wanted: Mapping[str, str]) -> None:
        """Bring up `wanted` ({name: reason}) and all it depends on; what is up and ready is shown as skipped."""
        self._bring_up(wanted, stopped={}, show_skipped=True)

    def stop(self, wanted: Mapping[str, str]) -> None:
        """Bring down `wanted` and all that depends on it; a target that is stopped already is shown as skipped."""
        self._bring_down(wanted, show_skipped=True)

    def restart(self, targets: Sequence[str]) -> None:
        """Bring down targets and dependents, then bring up again the targets and what was up."""
        wanted = dict.fromkeys(targets, ASKED_FOR)
        stopped = self._bring_down(wanted, show_skipped=False)
        was_up = [name for name in stopped if self._facts[name].is_up]
        self._bring_up(dict.fromkeys(was_up, "was running") | wanted, stopped=stopped, show_skipped=False)

    def reset(self, targets: Sequence[str]) -> None:
        """Empty the ephemeral layers of the targets: that happens around every run and every mount, and at no other time."""
        if builders := [name for name in targets if not self._facts[name].has_ephemeral]:
            raise Conflict(f"{', '.join(builders)} has no ephemeral layer: it writes into its topmost layer")
        self.restart([name for name in targets if self._facts[name].is_up])
        # A start mounts anew, also that of one which was only mounted.
        begun = {step.container for step in self.steps}
        for name in (name for name in targets if name not in begun):
            if self._facts[name].is_mounted:
                self._add(name, Action.MOUNT, "was mounted", [self._add(name, Action.UNMOUNT, ASKED_FOR)])
            else:
                self._add(name, Action.SKIP, "stopped: its ephemeral layer is empty")

    def destroy(self, targets: Sequence[str]) -> None:
        """Bring down and remove the targets; raise Conflict while anything else depends on them."""
        self._check_not_needed(targets)
        stopped = self._bring_down(dict.fromkeys(targets, "to be destroyed"), show_skipped=False)
        destroyed: dict[str, int] = {}
        for name in self._graph.order(targets, dependents_first=True):
            after = [destroyed[dependent] for dependent in self._graph.needed_by(name)]
            after += [stopped[name]] if name in stopped else []
            destroyed[name] = self._add(name, Action.DESTROY, ASKED_FOR, after)

    def each_alone(self, rule: Rule, targets: Sequence[str]) -> None:
        """Apply a rule that looks at nothing but the container itself."""
        for name in targets:
            self._add(name, *rule(name, self._facts[name]))

    def _bring_up(self, wanted: Mapping[str, str], *, stopped: Mapping[str, int], show_skipped: bool) -> None:
        names = wanted.keys() | self._graph.dependencies(wanted)
        begun: dict[str, int] = {}
        for name in self._graph.order(names):
            action = Action.START if name in stopped else _up_action(self._facts[name])
            if action != Action.SKIP:
                reason = wanted.get(name) or f"needed by {_joined(self._graph.needed_by(name), names)}"
                after = [begun[need] for need in _nearest(name, self._graph.needs, begun)]
                after += [stopped[name]] if name in stopped else []
                begun[name] = self._add(name, action, reason, after)
            elif show_skipped:
                self._add(name, action, "already running")

    def _bring_down(self, wanted: Mapping[str, str], *, show_skipped: bool) -> dict[str, int]:
        """Return {name: number of the step that stops it}."""
        names = wanted.keys() | self._graph.dependents(wanted)
        going = {name for name in names if name in wanted or self._facts[name].state != State.STOPPED}
        stopped: dict[str, int] = {}
        for name in self._graph.order(going, dependents_first=True):
            if self._facts[name].state != State.STOPPED:
                reason = wanted.get(name) or f"needs {', '.join(_nearest(name, self._graph.needs, going))}"
                after = [stopped[dependent] for dependent in _nearest(name, self._graph.needed_by, stopped)]
                stopped[name] = self._add(name, Action.STOP, reason, after)
            elif show_skipped:
                self._add(name, Action.SKIP, "already stopped")
        return stopped

    def _check_not_needed(self, targets: Sequence[str]) -> None:
        for name in targets:
            if users := [user for user in self._graph.needed_by(name) if user not in targets]:
                raise Conflict(
                    f"{name} is needed by {', '.join(users)}",
                    resolution=f"Destroy those first, or take {name} out of their dependencies",
                )


def _up_action(fact: Fact) -> Action:
    if fact.state in {State.FROZEN, State.FREEZING, State.THAWED}:
        return Action.UNFREEZE
    if fact.state == State.RUNNING and (not fact.has_ready_check or fact.is_ready is True):
        return Action.SKIP
    return Action.WAIT if fact.state in {State.RUNNING, State.STARTING} else Action.START


def _joined(names: Iterable[str], among: Container[str]) -> str:
    return ", ".join(name for name in names if name in among)


def _nearest(name: str, neighbours: Callable[[str], tuple[str, ...]], among: Container[str]) -> list[str]:
    """Walk away from `name`, through what is not in `among`, up to what is: a stopped link does not break the chain."""
    found, seen = [], set[str]()
    rest = list(neighbours(name))
    while rest:
        if (other := rest.pop()) in seen:
            continue
        seen.add(other)
        if other in among:
            found.append(other)
        else:
            rest += neighbours(other)
    return sorted(found)


_TRANSITIONS: Final[Mapping[Operation, Callable[[_Planner, Sequence[str]], None]]] = {
    Operation.START: lambda planner, targets: planner.start(dict.fromkeys(targets, ASKED_FOR)),
    Operation.AUTOSTART: lambda planner, targets: planner.start(dict.fromkeys(targets, "starts at boot")),
    Operation.STOP: lambda planner, targets: planner.stop(dict.fromkeys(targets, ASKED_FOR)),
    Operation.SHUTDOWN: lambda planner, targets: planner.stop(dict.fromkeys(targets, "everything is shut down")),
    Operation.RESTART: _Planner.restart,
    Operation.RESET: _Planner.reset,
    Operation.DESTROY: _Planner.destroy,
}
