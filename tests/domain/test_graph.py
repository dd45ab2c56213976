from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.graph import Graph
from containers.errors import FieldError, InvalidRequest

Edges = dict[str, list[str]]

SHOP: Edges = {"web": ["app", "cache"], "app": ["db"], "db": [], "cache": [], "mail": []}

NAMES = [f"c{number}" for number in range(8)]


@st.composite
def acyclic(draw: st.DrawFn) -> Edges:
    """Each name depends on some of those before it, in an order that chance makes."""
    order = draw(st.permutations(NAMES))
    count = draw(st.integers(1, len(order)))
    return {order[i]: draw(st.lists(st.sampled_from(order[:i]), unique=True)) if i else [] for i in range(count)}


any_graph = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True))


def test_direct_neighbours_are_sorted() -> None:
    graph = Graph(SHOP)
    assert graph.names == set(SHOP)
    assert graph.needs("web") == ("app", "cache")
    assert graph.needed_by("db") == ("app",)
    assert graph.needs("nothing") == graph.needed_by("nothing") == ()


def test_closures_do_not_have_their_start() -> None:
    graph = Graph(SHOP)
    assert graph.dependencies(["web"]) == {"app", "cache", "db"}
    assert graph.dependents(["db"]) == {"app", "web"}
    assert graph.dependencies(["mail"]) == graph.dependents(["mail"]) == frozenset()


def test_closures_have_a_start_that_another_one_reaches() -> None:
    graph = Graph(SHOP)
    assert graph.dependencies(["web", "app"]) == {"app", "cache", "db"}
    assert graph.dependents(["app", "db"]) == {"app", "web"}


def test_tiers_go_up_from_what_depends_on_nothing() -> None:
    assert Graph(SHOP).tiers() == [["cache", "db", "mail"], ["app"], ["web"]]


def test_order_is_by_tier_and_then_by_name() -> None:
    graph = Graph(SHOP)
    assert graph.order(["web", "mail", "db", "app", "cache"]) == ["cache", "db", "mail", "app", "web"]
    assert graph.order(["web", "mail", "db", "app", "cache"], dependents_first=True) == ["web", "app", "cache", "db", "mail"]
    assert graph.order(["web", "db"]) == ["db", "web"]


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ({"a": ["b"], "b": ["a"]}, ("a", "b", "a")),
        ({"a": ["a"]}, ("a", "a")),
        ({"c": ["a"], "a": ["b"], "b": ["c"]}, ("a", "b", "c", "a")),
        ({"a": ["c"], "c": ["b"], "b": ["a"]}, ("a", "c", "b", "a")),
        ({"x": ["m"], "m": ["n"], "n": ["m"], "a": []}, ("m", "n", "m")),
    ],
)
def test_a_cycle_is_named_from_its_first_name(edges: Edges, cycle: tuple[str, ...]) -> None:
    assert Graph(edges).find_cycle() == cycle
    assert Graph(dict(reversed(edges.items()))).find_cycle() == cycle
    with pytest.raises(InvalidRequest) as caught:
        Graph(edges).check()
    message = f"the dependencies go round in a circle: {' → '.join(cycle)}"
    assert caught.value.errors == (FieldError("definition.depends", message),)


def test_missing_dependencies_are_all_named() -> None:
    graph = Graph({"web": ["app", "cache"], "app": ["db"], "cache": []})
    assert graph.missing() == {"app": ("db",)}
    with pytest.raises(InvalidRequest, match="app depends on db, which does not exist"):
        graph.check()
    with pytest.raises(InvalidRequest, match="app depends on db"):
        graph.order(["web"])


def test_order_does_not_mind_faults_elsewhere() -> None:
    graph = Graph({"web": ["app"], "app": [], "a": ["b"], "b": ["a"], "c": ["gone"]})
    assert graph.order(["web", "app"]) == ["app", "web"]
    with pytest.raises(InvalidRequest, match="a → b → a"):
        graph.order(["a"])


def test_a_long_chain_is_no_problem() -> None:
    edges = {f"c{number}": [f"c{number + 1}"] for number in range(3000)} | {"c3000": []}
    graph = Graph(edges)
    assert graph.find_cycle() is None
    assert len(graph.tiers()) == 3001
    assert len(graph.dependencies(["c0"])) == 3000
    assert Graph(edges | {"c3000": ["c0"]}).find_cycle() == (*(f"c{number}" for number in range(3001)), "c0")


@given(acyclic())
def test_whatever_depends_comes_later(edges: Edges) -> None:
    graph = Graph(edges)
    assert graph.find_cycle() is None
    level = {name: number for number, tier in enumerate(graph.tiers()) for name in tier}
    assert set(level) == set(edges)
    for name, needs in edges.items():
        assert level[name] == 1 + max((level[need] for need in needs), default=-1)
    assert all(tier == sorted(tier) for tier in graph.tiers())


@given(acyclic(), st.data())
def test_order_respects_dependencies_that_lead_through_others(edges: Edges, data: st.DataObject) -> None:
    graph = Graph(edges)
    names = data.draw(st.sets(st.sampled_from(sorted(edges))))
    order = graph.order(names)
    assert sorted(order) == sorted(names)
    for place, name in enumerate(order):
        assert not graph.dependencies([name]) & set(order[place:])
    backwards = graph.order(names, dependents_first=True)
    for place, name in enumerate(backwards):
        assert not graph.dependents([name]) & set(backwards[place:])


@given(acyclic())
def test_dependents_are_dependencies_the_other_way_round(edges: Edges) -> None:
    graph = Graph(edges)
    for name in edges:
        assert graph.dependents([name]) == {other for other in edges if name in graph.dependencies([other])}


@given(any_graph)
def test_a_named_cycle_is_one(edges: Edges) -> None:
    graph = Graph(edges)
    cycle = graph.find_cycle()
    in_cycle = {name for name in edges if name in graph.dependencies([name])}
    assert (cycle is not None) == bool(in_cycle)
    if cycle:
        assert cycle[0] == cycle[-1] == min(cycle)
        assert len(set(cycle)) == len(cycle) - 1
        assert all(after in edges[before] for before, after in zip(cycle, cycle[1:], strict=False))


@given(any_graph)
def test_the_order_of_rows_does_not_matter(edges: Edges) -> None:
    turned = Graph({name: needs[::-1] for name, needs in reversed(edges.items())})
    assert turned.find_cycle() == Graph(edges).find_cycle()
    assert turned.edges == Graph(edges).edges
