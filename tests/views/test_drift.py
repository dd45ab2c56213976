"""What differs, on the pages and in the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.choices import ContainerState
from containers.domain import drift as domain
from containers.domain.drift import Aspect, Entry
from containers.models import Container, Event
from tests.api.conftest import Api
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

BY_HAND = Entry(Aspect.CONFIG, "lxc.environment", "A=1", "A=<2>", "")
PIDS = Entry(Aspect.LIMITS, "limits.pids", "20", "20", "31")


def differs(name: str, *entries: Entry) -> None:
    data = [entry.export() for entry in entries]
    Container.objects.filter(name=name).update(drift=data, drift_digest=domain.digest(entries))


def page(client: Client, **more: Any) -> Element:
    response = client.get("/containers/web/drift/", **more)
    assert response.status_code == 200
    return parse(response)


def test_where_nothing_differs_it_is_said(client: Client) -> None:
    rows.container("web")
    tree = page(client)
    assert "Nothing differs" in tree.one(id="drift").text
    assert tree.one(id="head").all("a", "sw-warn") == []


def test_secrets_of_the_environment_are_hidden_here_and_in_the_configuration(client: Client) -> None:
    rows.container("web", env={"API_TOKEN": "very-secret"})
    differs("web", Entry(Aspect.CONFIG, "lxc.environment", "API_TOKEN=very-secret", "API_TOKEN=by-hand", ""))
    for address in ("drift", "config"):
        text = client.get(f"/containers/web/{address}/").content.decode()
        assert "API_TOKEN=********" in text
        assert "very-secret" not in text
        assert "by-hand" not in text


def test_wanted_rendered_and_actual_stand_side_by_side(client: Client) -> None:
    rows.container("web", state=ContainerState.RUNNING)
    differs("web", BY_HAND, PIDS)
    tree = page(client)
    lines = [[line.one("th").text, *[cell.text for cell in line.all("td")]] for line in tree.one("tbody").all("tr")]
    assert lines == [["lxc.environment", "A=1", "A=<2>", "as it was started"], ["limits.pids", "20", "20", "31"]]
    assert tree.one(id="head").one("a", "sw-mark").text == "Drift"
    assert [tab.text for tab in tree.one("ul", "sw-tabs").all("a") if "Drift" in tab.text] == ["Drift 2"]


def test_a_file_that_is_gone_is_said_to_be_gone(client: Client) -> None:
    rows.container("web")
    differs("web", Entry(Aspect.CONFIG, "", "", "", ""))
    assert "there is no file" in page(client).one(id="drift").text
    assert "Nothing here can be adopted" in page(client).one(id="drift").text


def test_repair_is_planned_first(client: Client, viewer_client: Client) -> None:
    rows.container("web")
    differs("web", BY_HAND)
    assert page(client).one(id="drift").one("a", data_dialog=True)["href"] == "/containers/web/repair/"
    tree = parse(client.get("/containers/web/repair/"))
    assert "repair" in tree.one("ol", "sw-plan").text
    assert page(viewer_client).one(id="drift").all("form") == []


def test_what_is_ignored_is_marked_no_more_until_it_changes(client: Client) -> None:
    rows.container("web")
    differs("web", BY_HAND)
    assert client.post("/containers/web/drift/ignore/")["Location"] == "/containers/web/drift/"
    assert Event.objects.get(kind="drift.ignore").subject == "web"
    tree = page(client)
    assert "Ignored until it changes" in tree.one(id="drift").text
    assert tree.one(id="head").all("a", "sw-mark") == []
    differs("web", PIDS)
    assert page(client).one(id="head").one("a", "sw-mark").text == "Drift"


def test_limits_are_adopted_as_a_revision(client: Client, operator: Any) -> None:
    rows.container("web", limits={"pids": 20, "memory_bytes": 2**30})
    differs("web", PIDS)
    assert "Adopt the limits" in page(client).text
    client.post("/containers/web/drift/adopt/")
    row = Container.objects.get(name="web")
    assert (row.pids, row.memory_bytes, row.revision) == (31, 2**30, 2)
    revision = row.revisions.first()
    assert revision is not None
    assert revision.user == operator


def test_what_no_definition_can_say_is_not_adopted(client: Client) -> None:
    rows.container("web")
    differs("web", BY_HAND)
    assert "Adopt the limits" not in page(client).text
    response = client.post("/containers/web/drift/adopt/", follow=True)
    assert "can stand in its definition" in response.content.decode()
    assert Container.objects.get(name="web").revision == 1


def test_the_list_marks_and_filters_it(client: Client) -> None:
    rows.container("web")
    rows.container("db")
    assert "Drift" not in parse(client.get("/containers/")).one(id="rows").text
    differs("web", BY_HAND)
    tree = parse(client.get("/containers/"))
    assert tree.one(id="row-web").one("a", "sw-mark")["href"] == "/containers/web/drift/"
    assert tree.one(id="row-db").all("a", "sw-mark") == []
    filtered = parse(client.get("/containers/?drift=1"))
    assert [line["id"] for line in filtered.one(id="rows").all("tr")] == ["row-web"]


@pytest.mark.parametrize("data", [[{"aspect": "odd"}, 7], 7, "x", {}])
def test_what_a_broken_row_holds_does_not_break_the_page(client: Client, data: object) -> None:
    rows.container("web")
    Container.objects.update(drift=data, drift_digest="x")
    assert "Nothing differs" in page(client).one(id="drift").text


def test_a_live_page_gets_its_part_alone(client: Client) -> None:
    rows.container("web")
    response = client.get("/containers/web/drift/?row=", headers=HTMX)
    assert [element["id"] for element in parse(response).children if isinstance(element, Element)] == ["drift"]


def test_the_api_says_and_does_the_same(operator: Any, viewer: Any) -> None:
    rows.container("web")
    differs("web", BY_HAND, PIDS)
    api = Api(operator)
    body = api.get("/containers/web/drift/").json()
    assert body == {"seen_at": None, "ignored": False, "entries": [BY_HAND.export(), PIDS.export()]}
    assert Api(viewer).post("/containers/web/drift/ignore/").status_code == 403
    assert api.post("/containers/web/drift/ignore/").json()["ignored"] is True
    assert api.post("/containers/web/drift/adopt/").json()["limits"] == {"memory_bytes": None, "cpus": None, "pids": 31}
    assert api.post("/containers/web/repair/").status_code == 202
