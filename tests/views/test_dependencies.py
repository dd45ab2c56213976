"""The page of all dependencies, its simulations, and a container's own tab."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.choices import ContainerState
from containers.models import Container, Dependency
from tests.services.test_timings import past
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db


def page(client: Client, query: str = "", path: str = "/dependencies/", **more: Any) -> Element:
    response = client.get(f"{path}{query}", **more)
    assert response.status_code == 200
    return parse(response)


def table(tree: Element) -> dict[str, list[str]]:
    lines = [line for line in tree.one("table", "sw-tiers").all("tr") if line.attrs.get("id")]
    return {line.one("th").text: [cell.text for cell in line.all("td")] for line in lines}


def test_the_table_has_the_tiers_and_who_needs_whom(client: Client) -> None:
    rows.chain(state=ContainerState.RUNNING)
    rows.container("mail")
    past("db", "start", 0.5)
    tree = page(client)
    assert [group.text for group in tree.all("tr", "sw-group")] == ["Tier 1 · needs nothing, starts first", "Tier 2", "Tier 3"]
    assert table(tree) == {
        "db": ["Running", "nothing", "app", "0.50 s", "–"],
        "mail": ["Stopped", "nothing", "nothing", "–", "–"],
        "app": ["Running", "db", "web", "–", "–"],
        "web": ["Running", "app", "nothing", "–", "–"],
    }


def test_the_drawing_has_a_link_for_each_container_that_has_links(client: Client) -> None:
    rows.chain(state=ContainerState.RUNNING)
    rows.container("mail")
    drawing = page(client).one(id="graph")
    nodes = drawing.all("a")
    assert [node["data-node"] for node in nodes] == ["db", "app", "web"]
    assert [node["aria-label"] for node in nodes] == ["db, Running", "app, Running", "web, Running"]
    assert nodes[1]["href"] == "/containers/app/"
    assert (nodes[1]["data-needs"], nodes[1]["data-needed-by"], nodes[1]["data-tier"]) == ("db", "web", "2")
    assert [(edge["data-from"], edge["data-to"]) for edge in drawing.all("path", "edge")] == [("db", "app"), ("app", "web")]


def test_nothing_in_the_page_needs_inline_style_or_script(client: Client) -> None:
    rows.chain()
    tree = page(client, "?operation=start&container=web")
    assert [element for element in tree.walk() if "style" in element.attrs or element.tag == "style"] == []
    assert [
        script for script in tree.all("script") if "src" not in script.attrs and script.attrs.get("type") != "application/json"
    ] == []


def test_a_simulated_stop_is_told_as_list_drawing_and_column(client: Client) -> None:
    rows.chain(state=ContainerState.RUNNING)
    past("web", "stop", 1.5)
    past("app", "stop", 2)
    past("db", "stop", 0.5)
    tree = page(client, "?operation=stop&container=db")
    steps = tree.one(id="simulation").all("li")
    assert [step.text for step in steps] == [
        "web stop Goes first: it needs app 1.50 s",
        "app stop Goes first: it needs db 2.00 s",
        "db stop What you asked for 0.50 s",
    ]
    assert "3 containers, one after the other, about 4.00 s" in tree.one(id="simulation").text
    assert {name: cells[-1] for name, cells in table(tree).items()} == {"db": "3", "app": "2", "web": "1"}
    assert [node["aria-label"] for node in tree.one(id="graph").all("a")] == [
        "db, Running, step 3",
        "app, Running, step 2",
        "web, Running, step 1",
    ]
    assert len(tree.all("path", "edge-lit")) == 2
    assert tree.one("a", data_dialog=True, href="/containers/db/stop/").text == "Stop db for real…"


def test_times_that_nobody_knows_are_said_to_be_unknown(client: Client) -> None:
    rows.container("db")
    text = page(client, "?operation=start&container=db").one(id="simulation").text
    assert "how long is not known yet" in text
    assert "about" not in text
    assert "Of db no run is on record" in text


def test_a_reboot_takes_everything_down_and_up(client: Client) -> None:
    rows.container("db", state=ContainerState.RUNNING, autostart=True)
    rows.container("app", state=ContainerState.RUNNING, depends=["db"])
    tree = page(client, "?operation=reboot&container=")
    assert {name: cells[-1] for name, cells in table(tree).items()} == {"db": "2, 3", "app": "1"}
    assert tree.all("a", data_dialog=True) == []


@pytest.mark.parametrize("query", ["?operation=stop", "?operation=stop&container=", "?operation=stop&container=%00"])
def test_a_simulation_needs_a_container(client: Client, query: str) -> None:
    rows.container("db")
    assert "Choose a container first" in page(client, query).one(id="simulation").text


def test_what_cannot_be_simulated_is_said(client: Client) -> None:
    rows.container("db")
    assert "There is no container" in page(client, "?operation=stop&container=nothing").one(id="simulation").text
    assert page(client, "?operation=explode&container=db").all(id="simulation") == []


def test_a_viewer_may_simulate_and_not_do(viewer_client: Client) -> None:
    rows.chain(state=ContainerState.RUNNING)
    tree = page(viewer_client, "?operation=stop&container=db")
    assert len(tree.one(id="simulation").all("li")) == 3
    assert tree.all("a", data_dialog=True) == []


@pytest.mark.parametrize(("view", "has_table", "has_drawing"), [("", 1, 1), ("table", 1, 0), ("drawing", 0, 1), ("odd", 1, 1)])
def test_either_can_be_had_alone(client: Client, view: str, has_table: int, has_drawing: int) -> None:
    rows.chain()
    tree = page(client, f"?view={view}")
    assert (len(tree.all("table", "sw-tiers")), len(tree.all(id="graph"))) == (has_table, has_drawing)


def test_rows_that_go_round_in_a_circle_are_shown_and_named(client: Client) -> None:
    db, app, _web = rows.chain()
    Dependency.objects.create(container=db, needs=app, position=0)
    tree = page(client)
    assert "the dependencies go round in a circle" in tree.text
    assert set(table(tree)) == {"db", "app", "web"}
    assert tree.all(id="graph") == []


def live(client: Client, tree: Element, row: str) -> Element:
    url = tree.one(id="dependencies")["data-live-url"]
    return parse(client.get(f"/dependencies/{url}&row={row}", headers=HTMX))


def test_a_live_page_gets_what_has_changed_alone(client: Client) -> None:
    rows.chain(state=ContainerState.RUNNING)
    tree = page(client)
    Container.objects.filter(name="db").update(state=ContainerState.FROZEN)
    patch = live(client, tree, "db")
    assert [element["id"] for element in patch.all() if "id" in element.attrs] == ["node-db", "row-db"]
    assert "Frozen" in patch.one(id="row-db").text
    assert patch.one("svg", data_rows=True).one("a")["aria-label"] == "db, Frozen"


def test_a_simulation_that_is_looked_at_is_made_anew(client: Client) -> None:
    rows.chain(state=ContainerState.RUNNING)
    tree = page(client, "?operation=stop&container=db")
    Container.objects.filter(name="web").update(state=ContainerState.STOPPED)
    patch = live(client, tree, "web")
    assert len(patch.one(id="simulation").all("li")) == 2
    assert len(patch.all("path", "edge-lit")) == 1
    assert patch.one(id="row-db").text.endswith("2")


def test_another_graph_replaces_the_drawing(client: Client) -> None:
    rows.chain(state=ContainerState.RUNNING)
    tree = page(client)
    rows.container("mail", depends=["db"])
    assert live(client, tree, "mail").one(id="dependencies").one(id="graph").all("a", data_node="mail")


def test_more_containers_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    rows.chain(state=ContainerState.RUNNING)
    with django_assert_max_num_queries(16) as few:
        page(client, "?operation=stop&container=db")
    for number in range(20):
        rows.container(f"more-{number}", depends=["db"], state=ContainerState.RUNNING)
    with django_assert_max_num_queries(len(few)):
        page(client, "?operation=stop&container=db")


def test_without_containers_the_page_says_what_will_be_here(client: Client) -> None:
    tree = page(client)
    assert "No containers yet" in tree.one(id="dependencies").text


def test_a_long_name_is_cut_and_told_whole(client: Client) -> None:
    name = "a" * 63
    rows.container(name)
    rows.container("web", depends=[name])
    node = page(client).one("a", data_node=name)
    assert node.one("title").text == name
    assert node.all("text")[0].text == "a" * 17 + "…"


# --- a container's tab ---


def links(tree: Element) -> dict[str, str]:
    card = tree.one(id="surroundings").one("dl")
    return {
        f"{number} {term.text}": value.text
        for number, (term, value) in enumerate(zip(card.all("dt"), card.all("dd"), strict=True))
    }


def test_the_tab_tells_direct_and_indirect_links_apart(client: Client) -> None:
    rows.chain()
    rows.container("mail")
    assert links(page(client, path="/containers/web/dependencies/")) == {
        "0 Needs": "Stopped: app",
        "1 by way of them": "Stopped: db",
        "2 Needed by": "nothing",
    }
    assert links(page(client, path="/containers/app/dependencies/")) == {"0 Needs": "Stopped: db", "1 Needed by": "Stopped: web"}
    alone = page(client, path="/containers/mail/dependencies/")
    assert links(alone) == {"0 Needs": "nothing", "1 Needed by": "nothing"}
    assert alone.all(id="graph") == []


def test_the_tab_draws_its_own_part_of_the_graph(client: Client) -> None:
    rows.chain()
    rows.container("mail", depends=["db"])
    nodes = page(client, path="/containers/app/dependencies/").one(id="graph").all("a")
    assert [(node["data-node"], "lit" in node.classes) for node in nodes] == [("db", False), ("app", True), ("web", False)]


def test_the_tab_follows_those_it_is_about(client: Client) -> None:
    rows.chain()
    rows.container("mail")
    url = "/containers/app/dependencies/?row="
    assert parse(client.get(f"{url}db", headers=HTMX)).one(id="surroundings")
    assert client.get(f"{url}mail", headers=HTMX).content == b""
