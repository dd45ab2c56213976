"""How long a plan takes, and what that hangs on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.domain.estimate import Durations, Estimate, estimate, reboot
from containers.domain.graph import Graph
from containers.domain.plan import plan
from containers.domain.states import Operation, State
from containers.domain.steps import Action, Fact, PlanStep
from tests.domain.test_graph import Edges, acyclic

UP, DOWN = Fact(State.RUNNING, None, has_ready_check=False), Fact(State.STOPPED, None, has_ready_check=False)
AT_BOOT = Fact(State.RUNNING, None, has_ready_check=False, autostart=True)
SHOP = Graph({"web": ["app", "cache"], "app": ["db"], "db": [], "cache": []})


def started(durations: dict[str, float], *, side_by_side: int = 8) -> Estimate:
    steps = plan(Operation.START, ["web"], SHOP, dict.fromkeys(SHOP.names, DOWN)).steps
    return estimate(steps, {(name, "start"): seconds for name, seconds in durations.items()}, side_by_side=side_by_side)


def begins(found: Estimate) -> dict[str, float]:
    return {timing.step.container: timing.begins_s for timing in found.timings}


def critical(found: Estimate) -> list[str]:
    by_number = {timing.step.number: timing.step.container for timing in found.timings}
    return [by_number[number] for number in found.critical]


def test_steps_begin_when_those_before_them_have_ended() -> None:
    found = started({"db": 2.0, "app": 1.0, "cache": 0.5, "web": 0.25})
    assert begins(found) == {"db": 0.0, "cache": 0.0, "app": 2.0, "web": 3.0}
    assert found.total_s == 3.25
    assert critical(found) == ["db", "app", "web"]


def test_the_total_hangs_on_the_slowest_chain() -> None:
    found = started({"db": 1.0, "app": 1.0, "cache": 5.0, "web": 1.0})
    assert found.total_s == 6.0
    assert critical(found) == ["cache", "web"]


def test_with_one_at_a_time_all_are_added_up() -> None:
    found = started({"db": 1.0, "app": 2.0, "cache": 4.0, "web": 8.0}, side_by_side=1)
    assert found.total_s == 15.0
    assert critical(found) == ["cache", "db", "app", "web"]


def test_what_nobody_has_timed_is_named_and_counts_nothing() -> None:
    found = started({"db": 2.0, "web": 1.0, "cache": 0.5})
    assert found.unknown == ("app",)
    assert found.total_s == 3.0


def test_what_is_skipped_takes_no_time_and_is_known() -> None:
    facts = dict.fromkeys(SHOP.names, UP) | {"web": DOWN}
    found = estimate(plan(Operation.START, ["web"], SHOP, facts).steps, {("web", "start"): 2.0}, side_by_side=2)
    assert found.total_s == 2.0
    assert found.unknown == ()


def test_nothing_to_do_takes_no_time() -> None:
    assert estimate([], {}, side_by_side=1) == Estimate(())
    assert Estimate(()).total_s == 0.0
    assert Estimate(()).critical == ()


def test_a_reboot_stops_all_and_then_starts_what_starts_at_boot() -> None:
    facts = {"web": UP, "app": UP, "db": AT_BOOT, "cache": DOWN}
    steps = reboot(SHOP, facts)
    assert [(step.number, step.container, step.action) for step in steps] == [
        (1, "web", Action.STOP),
        (2, "app", Action.STOP),
        (3, "db", Action.STOP),
        (4, "db", Action.START),
    ]
    assert steps[-1].after == (3,)


def test_nothing_starts_before_everything_has_stopped() -> None:
    graph = Graph({"a": [], "b": []})
    steps = reboot(graph, dict.fromkeys(graph.names, AT_BOOT))
    assert [(step.container, step.action, step.after) for step in steps] == [
        ("a", Action.STOP, ()),
        ("b", Action.STOP, ()),
        ("a", Action.START, (1, 2)),
        ("b", Action.START, (1, 2)),
    ]


@st.composite
def timed(draw: st.DrawFn) -> tuple[tuple[PlanStep, ...], Durations, int]:
    edges: Edges = draw(acyclic())
    graph = Graph(edges)
    steps = plan(Operation.START, sorted(graph.names), graph, dict.fromkeys(graph.names, DOWN)).steps
    seconds = st.integers(0, 20).map(float)
    return steps, {(name, "start"): draw(seconds) for name in sorted(graph.names)}, draw(st.integers(1, 4))


@given(timed())
def test_the_times_respect_order_width_and_the_critical_chain(case: tuple[tuple[PlanStep, ...], Durations, int]) -> None:
    steps, durations, width = case
    found = estimate(steps, durations, side_by_side=width)
    by_number = {timing.step.number: timing for timing in found.timings}
    assert list(by_number) == [step.number for step in steps]
    for timing in found.timings:
        assert all(by_number[before].ends_s <= timing.begins_s for before in timing.step.after)
        running = [other for other in found.timings if other.begins_s <= timing.begins_s < other.ends_s]
        assert len(running) <= width
    assert sum(by_number[number].lasts_s or 0 for number in found.critical) == found.total_s
