"""Where the containers of a graph stand."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given

from containers.domain.drawing import BOX_HEIGHT, BOX_WIDTH, PITCH, TIER, Drawing, draw
from containers.domain.graph import Graph
from tests.domain.test_graph import Edges, acyclic

SHOP: Edges = {"web": ["app", "cache"], "app": ["db"], "db": [], "cache": [], "mail": []}


def columns(drawing: Drawing) -> list[list[str]]:
    tiers: dict[int, list[str]] = {}
    for box in sorted(drawing.boxes, key=lambda box: box.y):
        tiers.setdefault(box.tier, []).append(box.name)
    return [tiers[number] for number in sorted(tiers)]


def test_tiers_stand_from_left_to_right_and_what_has_no_link_is_left_out() -> None:
    drawing = draw(Graph(SHOP))
    assert sorted(map(sorted, columns(drawing))) == [["app"], ["cache", "db"], ["web"]]
    assert drawing.apart == ("mail",)
    assert drawing.tiers == 3
    assert {box.name: (box.x - 28) // TIER for box in drawing.boxes} == {"db": 0, "cache": 0, "app": 1, "web": 2}


def test_a_chain_is_a_straight_line() -> None:
    drawing = draw(Graph({"a": [], "b": ["a"], "c": ["b"]}))
    assert len({box.y for box in drawing.boxes}) == 1
    assert [line.points for line in drawing.lines] == [((244, 67), (328, 67)), ((544, 67), (628, 67))]


def test_lines_do_not_cross_where_they_need_not() -> None:
    drawing = draw(Graph({"a": [], "b": [], "c": [], "x": ["c"], "y": ["b"], "z": ["a"]}))
    before, after = columns(drawing)
    assert [{"x": "c", "y": "b", "z": "a"}[name] for name in after] == before


def test_a_line_over_several_tiers_passes_by_the_boxes_in_between() -> None:
    drawing = draw(Graph({"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"]}))
    line = next(line for line in drawing.lines if (line.needed, line.needing) == ("a", "d"))
    for box in drawing.boxes:
        for (x, y), (to_x, to_y) in pairwise(line.points):
            if x == box.x and to_x == box.x + BOX_WIDTH:
                assert y == to_y
                assert not box.y <= y <= box.y + BOX_HEIGHT


def test_no_containers_make_an_empty_drawing() -> None:
    assert draw(Graph({})) == Drawing((), (), (), 0, 0, 0)
    assert draw(Graph({"a": []})) == Drawing((), (), ("a",), 0, 0, 0)


@given(acyclic())
def test_boxes_never_overlap_and_all_is_inside(edges: Edges) -> None:
    graph = Graph(edges)
    drawing = draw(graph)
    assert {box.name for box in drawing.boxes} | {*drawing.apart} == graph.names
    assert len(drawing.lines) == sum(len(graph.needs(name)) for name in graph.names)
    for tier in range(1, drawing.tiers + 1):
        heights = sorted(box.y for box in drawing.boxes if box.tier == tier)
        assert all(below - above >= PITCH - 1 for above, below in pairwise(heights))
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - BOX_WIDTH
        assert 0 <= box.y <= drawing.height - BOX_HEIGHT
    tiers = {box.name: box.tier for box in drawing.boxes}
    assert all(tiers[line.needed] < tiers[line.needing] for line in drawing.lines)


def test_a_tree_has_no_crossings_whatever_the_names() -> None:
    # By name, wiki would stand below the shop.
    drawing = draw(Graph({"mail": [], "shop": ["mail"], "web": ["shop"], "git": [], "wiki": ["git"], "ci": ["git"]}))
    first, second, _third = columns(drawing)
    assert first.index("git") * 2 == min(second.index("ci"), second.index("wiki"))
    assert abs(second.index("ci") - second.index("wiki")) == 1
