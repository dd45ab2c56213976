from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.graph import Graph
from containers.domain.plan import Action, Fact, Plan, PlanStep, plan, scope
from containers.domain.states import Operation, State
from containers.errors import Conflict, InvalidRequest, NotFound
from tests.domain.test_graph import acyclic

# web needs app and cache, app needs db.
SHOP = Graph({"web": ["app", "cache"], "app": ["db"], "db": [], "cache": []})

STOPPED = Fact(State.STOPPED, None, has_ready_check=True)
READY = Fact(State.RUNNING, is_ready=True, has_ready_check=True)
UNCHECKED = Fact(State.RUNNING, is_ready=None, has_ready_check=False)
UNREADY = Fact(State.RUNNING, is_ready=False, has_ready_check=True)
UNASKED = Fact(State.RUNNING, is_ready=None, has_ready_check=True)
FROZEN = Fact(State.FROZEN, None, has_ready_check=True)
MOUNTED = Fact(State.STOPPED, None, has_ready_check=False, is_mounted=True)


def fact(state: State, **more: bool) -> Fact:
    return Fact(state, None, has_ready_check=False, **more)


def facts(web: Fact = STOPPED, app: Fact = STOPPED, db: Fact = STOPPED, cache: Fact = STOPPED) -> dict[str, Fact]:
    return {"web": web, "app": app, "db": db, "cache": cache}


def steps(found: Plan) -> list[tuple[str, str, str, tuple[int, ...]]]:
    assert [step.number for step in found.steps] == list(range(1, len(found.steps) + 1))
    return [(step.container, step.action.value, step.reason, step.after) for step in found.steps]


def planned(operation: Operation, targets: Sequence[str], known: dict[str, Fact]) -> list[tuple[str, str, str, tuple[int, ...]]]:
    return steps(plan(operation, targets, SHOP, known))


def test_start_brings_up_what_is_needed_first() -> None:
    assert planned(Operation.START, ["web"], facts()) == [
        ("cache", "start", "needed by web", ()),
        ("db", "start", "needed by app", ()),
        ("app", "start", "needed by web", (2,)),
        ("web", "start", "asked for", (1, 3)),
    ]


def test_start_skips_what_runs_and_is_ready_or_has_no_check() -> None:
    assert planned(Operation.START, ["web"], facts(db=READY, cache=UNCHECKED)) == [
        ("cache", "skip", "already running", ()),
        ("db", "skip", "already running", ()),
        ("app", "start", "needed by web", ()),
        ("web", "start", "asked for", (3,)),
    ]


def test_start_waits_for_what_runs_but_is_not_known_to_be_ready() -> None:
    assert planned(Operation.START, ["app"], facts(db=UNREADY)) == [
        ("db", "wait", "needed by app", ()),
        ("app", "start", "asked for", (1,)),
    ]
    assert planned(Operation.START, ["app"], facts(db=UNASKED, app=UNASKED)) == [
        ("db", "wait", "needed by app", ()),
        ("app", "wait", "asked for", (1,)),
    ]


@pytest.mark.parametrize("state", [State.FROZEN, State.FREEZING, State.THAWED])
def test_start_unfreezes_what_is_frozen(state: State) -> None:
    assert planned(Operation.START, ["app"], facts(db=fact(state))) == [
        ("db", "unfreeze", "needed by app", ()),
        ("app", "start", "asked for", (1,)),
    ]


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (State.STARTING, "wait"),
        (State.STOPPING, "start"),
        (State.ABORTING, "start"),
        (State.UNKNOWN, "start"),
    ],
)
def test_start_of_what_is_on_its_way(state: State, action: str) -> None:
    assert planned(Operation.START, ["db"], facts(db=fact(state))) == [("db", action, "asked for", ())]


def test_start_of_what_runs_is_skipped() -> None:
    found = plan(Operation.START, ["db"], SHOP, facts(db=READY))
    assert steps(found) == [("db", "skip", "already running", ())]
    assert found.changes == ()
    assert found.containers == {"db"}


def test_what_is_below_a_running_dependency_still_comes_first() -> None:
    # app runs although its database was killed: web waits for db, not only for app.
    assert planned(Operation.START, ["web"], facts(app=READY, cache=READY)) == [
        ("cache", "skip", "already running", ()),
        ("db", "start", "needed by app", ()),
        ("app", "skip", "already running", ()),
        ("web", "start", "asked for", (2,)),
    ]


def test_several_targets_make_one_plan() -> None:
    graph = Graph({"shop": ["db"], "wiki": ["db"], "db": ["disk"], "disk": []})
    found = plan(Operation.START, ["wiki", "shop", "db"], graph, dict.fromkeys(graph.names, STOPPED))
    assert found.targets == ("wiki", "shop", "db")
    assert steps(found) == [
        ("disk", "start", "needed by db", ()),
        ("db", "start", "asked for", (1,)),
        ("shop", "start", "asked for", (2,)),
        ("wiki", "start", "asked for", (2,)),
    ]
    assert (
        plan(Operation.START, ["shop", "wiki"], graph, dict.fromkeys(graph.names, STOPPED)).steps[1].reason
        == "needed by shop, wiki"
    )


def test_stop_takes_down_dependents_first() -> None:
    assert planned(Operation.STOP, ["db"], facts(web=READY, app=FROZEN, db=READY, cache=READY)) == [
        ("web", "stop", "needs app", ()),
        ("app", "stop", "needs db", (1,)),
        ("db", "stop", "asked for", (2,)),
    ]


def test_stop_leaves_out_dependents_that_are_stopped() -> None:
    # web runs although app, through which it needs db, does not.
    assert planned(Operation.STOP, ["db"], facts(web=READY, db=READY)) == [
        ("web", "stop", "needs db", ()),
        ("db", "stop", "asked for", (1,)),
    ]


def test_stop_of_what_is_stopped_is_skipped_but_not_its_dependents() -> None:
    assert planned(Operation.STOP, ["db"], facts()) == [("db", "skip", "already stopped", ())]
    assert planned(Operation.STOP, ["db"], facts(app=READY)) == [
        ("app", "stop", "needs db", ()),
        ("db", "skip", "already stopped", ()),
    ]


def test_stop_of_several_targets_is_one_plan() -> None:
    assert planned(Operation.STOP, ["db", "cache"], facts(web=READY, app=READY, db=READY, cache=READY)) == [
        ("web", "stop", "needs app, cache", ()),
        ("app", "stop", "needs db", (1,)),
        ("cache", "stop", "asked for", (1,)),
        ("db", "stop", "asked for", (2,)),
    ]


@pytest.mark.parametrize("state", [state for state in State if state != State.STOPPED])
def test_whatever_is_not_stopped_is_stopped(state: State) -> None:
    assert planned(Operation.STOP, ["web"], facts(web=fact(state))) == [("web", "stop", "asked for", ())]


def test_restart_starts_again_what_was_running() -> None:
    assert planned(Operation.RESTART, ["db"], facts(web=READY, app=READY, db=READY, cache=READY)) == [
        ("web", "stop", "needs app", ()),
        ("app", "stop", "needs db", (1,)),
        ("db", "stop", "asked for", (2,)),
        ("db", "start", "asked for", (3,)),
        ("app", "start", "was running", (2, 4)),
        ("web", "start", "was running", (1, 5)),
    ]


def test_restart_leaves_dependents_stopped_that_were_stopped() -> None:
    assert planned(Operation.RESTART, ["db"], facts(app=READY, db=READY)) == [
        ("app", "stop", "needs db", ()),
        ("db", "stop", "asked for", (1,)),
        ("db", "start", "asked for", (2,)),
        ("app", "start", "was running", (1, 3)),
    ]


def test_restart_starts_dependencies_that_do_not_run() -> None:
    assert planned(Operation.RESTART, ["web"], facts(web=READY, app=READY, cache=UNREADY)) == [
        ("web", "stop", "asked for", ()),
        ("cache", "wait", "needed by web", ()),
        ("db", "start", "needed by app", ()),
        ("web", "start", "asked for", (1, 2, 3)),
    ]


def test_restart_of_what_is_stopped_starts_it() -> None:
    assert planned(Operation.RESTART, ["app"], facts(db=READY)) == [("app", "start", "asked for", ())]


def test_restart_does_not_start_a_dependent_that_was_going_down() -> None:
    assert planned(Operation.RESTART, ["db"], facts(app=fact(State.STOPPING), db=READY)) == [
        ("app", "stop", "needs db", ()),
        ("db", "stop", "asked for", (1,)),
        ("db", "start", "asked for", (2,)),
    ]


def test_destroy_stops_first_and_takes_dependents_before_what_they_need() -> None:
    assert planned(Operation.DESTROY, ["db", "app", "web"], facts(web=READY, db=READY)) == [
        ("web", "stop", "to be destroyed", ()),
        ("db", "stop", "to be destroyed", (1,)),
        ("web", "destroy", "asked for", (1,)),
        ("app", "destroy", "asked for", (3,)),
        ("db", "destroy", "asked for", (2, 4)),
    ]


def test_destroy_of_what_is_stopped_is_one_step() -> None:
    assert planned(Operation.DESTROY, ["web"], facts()) == [("web", "destroy", "asked for", ())]


def test_destroy_of_what_is_needed_is_refused_naming_by_what() -> None:
    graph = Graph({"shop": ["db"], "wiki": ["db"], "db": []})
    known = dict.fromkeys(graph.names, STOPPED)
    with pytest.raises(Conflict, match="db is needed by shop, wiki"):
        plan(Operation.DESTROY, ["db"], graph, known)
    with pytest.raises(Conflict, match=r"db is needed by wiki\. "):
        plan(Operation.DESTROY, ["db", "shop"], graph, known)


ALONE = [
    (Operation.CREATE, STOPPED, "create", "asked for"),
    (Operation.EXECUTE, STOPPED, "execute", "asked for"),
    (Operation.EXECUTE, READY, "execute", "asked for"),
    (Operation.TIDY, READY, "tidy", "asked for"),
    (Operation.KILL, READY, "kill", "asked for"),
    (Operation.KILL, fact(State.STOPPING), "kill", "asked for"),
    (Operation.KILL, STOPPED, "skip", "already stopped"),
    (Operation.FREEZE, READY, "freeze", "asked for"),
    (Operation.FREEZE, FROZEN, "skip", "already frozen"),
    (Operation.UNFREEZE, FROZEN, "unfreeze", "asked for"),
    (Operation.UNFREEZE, READY, "skip", "not frozen"),
    (Operation.UNFREEZE, STOPPED, "skip", "not frozen"),
    (Operation.MOUNT, STOPPED, "mount", "asked for"),
    (Operation.MOUNT, MOUNTED, "skip", "already mounted"),
    (Operation.UNMOUNT, MOUNTED, "unmount", "asked for"),
    (Operation.REPAIR, STOPPED, "repair", "asked for"),
    (Operation.REPAIR, READY, "repair", "asked for"),
    (Operation.UNMOUNT, STOPPED, "skip", "not mounted"),
]


@pytest.mark.parametrize(("operation", "known", "action", "reason"), ALONE)
def test_these_do_not_touch_what_is_around(operation: Operation, known: Fact, action: str, reason: str) -> None:
    # app has a dependency and a dependent, both in a state that would matter to a start or a stop.
    assert planned(operation, ["app"], facts(web=READY, app=known)) == [("app", action, reason, ())]


@pytest.mark.parametrize(
    ("operation", "known", "message"),
    [
        (Operation.FREEZE, STOPPED, "app is stopped: only a running container can be frozen"),
        (Operation.FREEZE, fact(State.STOPPING), "app is stopping: only a running container can be frozen"),
        (Operation.MOUNT, READY, "app is running: its root filesystem is mounted already"),
        (Operation.MOUNT, FROZEN, "app is frozen: its root filesystem is mounted already"),
        (Operation.MOUNT, fact(State.UNKNOWN), "LXC does not say whether app runs: its root filesystem is mounted already"),
        (Operation.UNMOUNT, READY, "app is running: its root filesystem is in use"),
    ],
)
def test_a_state_may_forbid_an_operation(operation: Operation, known: Fact, message: str) -> None:
    with pytest.raises(Conflict) as caught:
        planned(operation, ["app"], facts(app=known))
    assert caught.value.brief == message


def test_boot_starts_what_is_marked_for_it_and_what_that_needs() -> None:
    marked = Fact(State.STOPPED, None, has_ready_check=False, autostart=True)
    found = plan(Operation.AUTOSTART, [], SHOP, facts(app=marked, cache=marked))
    assert found.targets == ("app", "cache")
    assert steps(found) == [
        ("cache", "start", "starts at boot", ()),
        ("db", "start", "needed by app", ()),
        ("app", "start", "starts at boot", (2,)),
    ]


def test_shutdown_stops_all_that_runs() -> None:
    found = plan(Operation.SHUTDOWN, [], SHOP, facts(web=READY, db=FROZEN, cache=READY))
    assert found.targets == ("cache", "db", "web")
    assert steps(found) == [
        ("web", "stop", "everything is shut down", ()),
        ("cache", "stop", "everything is shut down", (1,)),
        ("db", "stop", "everything is shut down", (1,)),
    ]


@pytest.mark.parametrize("operation", [Operation.AUTOSTART, Operation.SHUTDOWN])
def test_a_host_where_nothing_is_to_be_done_has_an_empty_plan(operation: Operation) -> None:
    assert plan(operation, [], SHOP, facts()) == Plan(operation, (), ())


def test_a_target_that_does_not_exist_is_named() -> None:
    with pytest.raises(NotFound, match="there is no container mail, wiki"):
        planned(Operation.STOP, ["db", "mail", "wiki"], facts())


def test_a_plan_needs_a_target() -> None:
    with pytest.raises(InvalidRequest, match="no container is named"):
        planned(Operation.START, [], facts())


PLANNED = {
    *(Operation.CREATE, Operation.START, Operation.STOP, Operation.RESTART, Operation.RESET, Operation.KILL),
    *(Operation.FREEZE, Operation.UNFREEZE, Operation.EXECUTE, Operation.MOUNT, Operation.UNMOUNT, Operation.DESTROY),
    *(Operation.AUTOSTART, Operation.SHUTDOWN, Operation.TIDY, Operation.REPAIR),
}


@pytest.mark.parametrize("operation", sorted(set(Operation) - PLANNED))
def test_other_operations_are_not_planned_here(operation: Operation) -> None:
    with pytest.raises(InvalidRequest, match="is not an operation on containers"):
        planned(operation, ["db"], facts())


def test_a_cycle_is_named_instead_of_planned() -> None:
    graph = Graph({"a": ["b"], "b": ["a"], "c": []})
    known = dict.fromkeys(graph.names, STOPPED)
    with pytest.raises(InvalidRequest, match="a → b → a"):
        plan(Operation.START, ["a"], graph, known)
    assert steps(plan(Operation.START, ["c"], graph, known)) == [("c", "start", "asked for", ())]
    assert steps(plan(Operation.KILL, ["a"], graph, known)) == [("a", "skip", "already stopped", ())]


def test_reset_empties_what_has_an_ephemeral_layer_that_is_not_empty() -> None:
    mounted = fact(State.STOPPED, is_mounted=True)
    assert planned(Operation.RESET, ["db", "cache"], facts(db=READY, cache=mounted)) == [
        ("db", "stop", "asked for", ()),
        ("db", "start", "asked for", (1,)),
        ("cache", "unmount", "asked for", ()),
        ("cache", "mount", "was mounted", (3,)),
    ]
    # What web needs is started with it, and so mounted anew.
    known = facts(web=READY, app=READY, db=READY, cache=mounted)
    assert [step[:2] for step in planned(Operation.RESET, ["web", "cache"], known)] == [
        ("web", "stop"),
        ("cache", "start"),
        ("web", "start"),
    ]
    assert planned(Operation.RESET, ["db"], facts()) == [("db", "skip", "stopped: its ephemeral layer is empty", ())]
    with pytest.raises(Conflict, match="db has no ephemeral layer"):
        planned(Operation.RESET, ["db"], facts(db=fact(State.RUNNING, has_ephemeral=False)))


def test_a_repeated_target_counts_once() -> None:
    assert plan(Operation.KILL, ["db", "db"], SHOP, facts(db=READY)).targets == ("db",)


def test_the_exported_plan_is_the_contract_s() -> None:
    assert plan(Operation.START, ["app"], SHOP, facts(db=READY)).export() == {
        "operation": "start",
        "targets": ["app"],
        "steps": [
            {"container": "db", "action": "skip", "reason": "already running"},
            {"container": "app", "action": "start", "reason": "asked for"},
        ],
    }


@pytest.mark.parametrize(
    ("operation", "targets", "expected"),
    [
        (Operation.START, ["app"], {"app", "db"}),
        (Operation.STOP, ["app"], {"app", "web"}),
        (Operation.RESTART, ["app"], {"app", "web", "db", "cache"}),
        (Operation.DESTROY, ["app"], {"app"}),
        (Operation.KILL, ["app"], {"app"}),
        (Operation.EXECUTE, ["app"], {"app"}),
        (Operation.AUTOSTART, [], {"web", "app", "db", "cache"}),
        (Operation.AUTOSTART, ["app"], {"app", "db"}),
        (Operation.SHUTDOWN, [], {"web", "app", "db", "cache"}),
    ],
)
def test_what_is_read_or_changed_is_in_scope(operation: Operation, targets: list[str], expected: set[str]) -> None:
    assert scope(operation, targets, SHOP) == expected


# The rules, on any graph in any state, whatever runs side by side.

any_fact = st.builds(
    Fact,
    state=st.sampled_from(State),
    is_ready=st.sampled_from([None, True, False]),
    has_ready_check=st.booleans(),
    is_mounted=st.booleans(),
    autostart=st.booleans(),
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Graph, dict[str, Fact], list[str]]:
    graph = Graph(draw(acyclic()))
    known = {name: draw(any_fact) for name in sorted(graph.names)}
    return graph, known, draw(st.lists(st.sampled_from(sorted(graph.names)), min_size=1, unique=True))


class World:
    """Carries out plans in thought, and checks before every step that the rules allow it then."""

    def __init__(self, graph: Graph, known: dict[str, Fact]) -> None:
        self.graph = graph
        self.up = {name for name, fact in known.items() if fact.state != State.STOPPED}
        self.available = {
            name for name, fact in known.items() if fact.state == State.RUNNING and (fact.is_ready or not fact.has_ready_check)
        }

    def carry_out(self, found: Plan, data: st.DataObject) -> None:
        done: set[int] = set()
        waiting = {step.number: step for step in found.changes}
        while waiting:
            possible = [number for number, step in waiting.items() if done.issuperset(step.after)]
            number = data.draw(st.sampled_from(possible))
            self._do(waiting.pop(number))
            done.add(number)

    def _do(self, step: PlanStep) -> None:
        name = step.container
        if step.action == Action.STOP:
            assert not self.graph.dependents([name]) & self.up, f"{name} is stopped before what depends on it"
            self.up.discard(name)
            self.available.discard(name)
        else:
            assert step.action in {Action.START, Action.WAIT, Action.UNFREEZE}
            assert self.graph.dependencies([name]) <= self.available, f"{name} is started before what it needs"
            self.up.add(name)
            self.available.add(name)


@given(situations(), st.data())
def test_a_start_never_outruns_a_dependency_and_ends_with_all_available(
    situation: tuple[Graph, dict[str, Fact], list[str]], data: st.DataObject
) -> None:
    graph, known, targets = situation
    world = World(graph, known)
    before = world.available.copy()
    found = plan(Operation.START, targets, graph, known)
    world.carry_out(found, data)
    assert world.available == before | set(targets) | graph.dependencies(targets)
    assert sorted(step.container for step in found.steps) == sorted(scope(Operation.START, targets, graph))


@given(situations(), st.data())
def test_a_stop_never_outruns_a_dependent_and_ends_with_all_down(
    situation: tuple[Graph, dict[str, Fact], list[str]], data: st.DataObject
) -> None:
    graph, known, targets = situation
    world = World(graph, known)
    before = world.up.copy()
    world.carry_out(plan(Operation.STOP, targets, graph, known), data)
    assert world.up == before - set(targets) - graph.dependents(targets)


@given(situations(), st.data())
def test_a_restart_ends_with_targets_available_and_nothing_lost(
    situation: tuple[Graph, dict[str, Fact], list[str]], data: st.DataObject
) -> None:
    graph, known, targets = situation
    world = World(graph, known)
    found = plan(Operation.RESTART, targets, graph, known)
    world.carry_out(found, data)
    was_up = {name for name, fact in known.items() if fact.is_up}
    assert set(targets) | graph.dependencies(targets) <= world.available
    assert was_up <= world.up
    assert {step.container for step in found.steps if step.action == Action.STOP} == {
        name for name in graph.dependents(targets) | set(targets) if known[name].state != State.STOPPED
    }


@given(situations(), st.sampled_from([operation for operation in Operation if operation != Operation.DEMO]))
def test_a_plan_stays_in_scope_looks_back_only_and_is_the_same_every_time(
    situation: tuple[Graph, dict[str, Fact], list[str]], operation: Operation
) -> None:
    graph, known, targets = situation
    names = scope(operation, targets, graph)
    in_scope = {name: known[name] for name in sorted(names)}
    try:
        found = plan(operation, targets, graph, in_scope)
    except (Conflict, InvalidRequest):
        return
    assert found.containers <= names
    assert all(after < step.number for step in found.steps for after in step.after)
    assert all(step.reason for step in found.steps)
    skipped = {step.number for step in found.steps if step.action == Action.SKIP}
    assert not any(skipped.intersection(step.after) for step in found.steps)
    assert plan(operation, targets, graph, dict(reversed(in_scope.items()))) == found
