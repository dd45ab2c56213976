"""Who may do something on some containers only: pages and API show and do no more, at no more queries."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from containers.models import Container, Event, Grant, Job
from containers.services import refusals, tokens
from tests.support import rows
from tests.support.html import parse
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db

PAGES = ("/", "/containers/", "/jobs/", "/dependencies/", "/search/?q=web", "/notifications/", "/export/", "/strip/")
OF_A_CONTAINER = ("", "definition/", "config/", "log/", "dependencies/", "drift/", "jobs/", "history/", "export/", "menu/")


@pytest.fixture
def user() -> User:
    for name, needs in (("shop-db", []), ("shop-web", ["shop-db"]), ("secret-web", ["shop-db"])):
        rows.container(name, depends=needs)
    return rows.limited("limited", "shop-*", "operate")


@pytest.fixture
def browser(user: User) -> Client:
    return signed_in(user)


@pytest.mark.parametrize("page", [*PAGES, *(f"/containers/shop-db/{tab}" for tab in OF_A_CONTAINER)])
def test_no_page_names_what_is_not_his(browser: Client, page: str) -> None:
    response = browser.get(page)
    assert response.status_code == 200
    assert b"secret-web" not in b"".join(response)  # type: ignore[call-overload]  a test's response has its bytes


@pytest.mark.parametrize("tab", OF_A_CONTAINER)
def test_what_is_not_his_is_not_there(browser: Client, tab: str) -> None:
    assert browser.get(f"/containers/secret-web/{tab}").status_code == 404
    assert browser.get(f"/containers/nothing/{tab}").status_code == 404


@pytest.mark.parametrize("page", ["/images/", "/layers/", "/volumes/", "/networks/", "/repositories/", "/recipes/", "/clean-up/"])
def test_what_belongs_to_the_host_is_not_his(browser: Client, page: str) -> None:
    assert browser.get(page).status_code == 403


def test_he_is_offered_what_he_may(browser: Client) -> None:
    text = browser.get("/containers/shop-db/").content.decode()
    assert "/containers/shop-db/start/" in text
    assert "/containers/shop-db/delete/" not in text
    assert "/containers/shop-db/execute/" not in text
    assert "/containers/shop-db/terminal/" not in text


def test_he_does_what_he_may(browser: Client) -> None:
    assert browser.post("/containers/shop-web/start/").status_code == 302
    before = Job.objects.count()
    for path in ("secret-web/start/", "shop-db/delete/", "shop-db/execute/", "shop-db/clone/", "shop-db/terminal/"):
        assert browser.post(f"/containers/{path}", {"name": "x"}).status_code in (403, 404, 405)
    assert Job.objects.count() == before


def test_what_takes_others_that_he_does_not_see_is_refused_before_the_click(browser: Client) -> None:
    rows.container("hidden-db")
    rows.container("shop-far", depends=["hidden-db"])
    for operation, name in (("start", "shop-far"), ("stop", "shop-db")):
        Container.objects.filter(name__in=["shop-db", "secret-web"]).update(state="RUNNING")
        page = browser.get(f"/containers/{name}/{operation}/")
        text = page.content.decode()
        assert page.status_code == 403
        assert "It takes 1 more container, which you may not see" in text
        assert "hidden-db" not in text
        assert "secret-web" not in text
        assert browser.post(f"/containers/{name}/{operation}/").status_code == 403
    assert browser.get("/dependencies/?operation=start&container=shop-far").content.count(b"hidden-db") == 0


def test_what_runs_already_and_is_not_seen_is_left_out_of_the_plan(browser: Client) -> None:
    rows.container("hidden-db")
    rows.container("shop-far", depends=["hidden-db"])
    Container.objects.filter(name="hidden-db").update(state="RUNNING")
    page = browser.get("/containers/shop-far/start/")
    assert page.status_code == 200
    assert b"hidden-db" not in page.content
    assert browser.post("/containers/shop-far/start/").status_code == 302


def test_what_he_sees_and_may_not_change_is_in_the_plan_without_a_button(user: User) -> None:
    Grant.objects.create(user=user, right="view", pattern="secret-*")
    rows.container("shop-far", depends=["secret-web"])
    page = signed_in(user).get("/containers/shop-far/start/")
    assert page.status_code == 403
    plan = parse(page).one("main")
    assert "You may not start or stop containers: secret-web" in plan.text
    assert [step.one("b").text for step in plan.one("ol", cls="sw-plan").all("li")] == ["shop-db", "secret-web", "shop-far"]
    assert parse(page).all("button", cls="btn-primary") == []


def test_it_is_said_that_there_is_more_than_he_sees(browser: Client) -> None:
    rows.container("hidden-db")
    rows.container("shop-far", depends=["hidden-db"])
    for page in ("", "dependencies/"):
        far, db = (" ".join(parse(browser.get(f"/containers/{name}/{page}")).text.split()) for name in ("shop-far", "shop-db"))
        assert "Needs 1 that you may not see" in far
        assert re.search(r"Needed by \S* ?shop-web 1 that you may not see", db), db[db.index("Needed by") :][:200]


def test_a_bulk_of_his_and_others_is_refused_as_a_whole(browser: Client) -> None:
    data = {"container": ["shop-db", "secret-web"], "operation": "start", "confirm": "1"}
    before = Job.objects.count()
    assert browser.post("/bulk/", data).status_code == 404
    assert Job.objects.count() == before


def test_others_jobs_are_not_his(browser: Client) -> None:
    other = Job.objects.get(containers__name="secret-web", operation="create").pk
    own = Job.objects.get(containers__name="shop-db", operation="create").pk
    assert browser.get(f"/jobs/{own}/").status_code == 200
    for page in ("", "record/", "support/"):
        assert browser.get(f"/jobs/{other}/{page}").status_code == 404
    assert browser.post(f"/jobs/{other}/cancel/").status_code == 404


@pytest.mark.parametrize("page", ["/containers/", "/jobs/", "/dependencies/", "/"])
def test_no_more_queries_for_more_rows(browser: Client, page: str) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(page).status_code == 200
        return len(queries)

    browser.get(page)
    before = count()
    for number in range(10):
        rows.container(f"shop-{number}")
        rows.container(f"other-{number}")
    assert count() == before


class Api:
    def __init__(self, user: User) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {tokens.create_token(user)}"})

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1{path}")

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(f"/api/v1{path}", json.dumps(body or {}), content_type="application/json")


@pytest.mark.parametrize(
    "path",
    ["/containers/", "/jobs/", "/graph/", "/export/", "/containers/shop-db/", "/containers/shop-db/revisions/"],
)
def test_no_answer_names_what_is_not_his(user: User, path: str) -> None:
    response = Api(user).get(path)
    assert response.status_code == 200
    assert b"secret-web" not in response.content


@pytest.mark.parametrize(
    "tail", ["", "config/", "log/", "revisions/", "drift/", "metrics/", "plan/?operation=start", "ephemeral/"]
)
def test_the_api_knows_of_nothing_else(user: User, tail: str) -> None:
    assert Api(user).get(f"/containers/secret-web/{tail}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/metrics/", "/images/", "/layers/", "/volumes/", "/network/", "/repositories/", "/plan/?operation=shutdown"]
)
def test_the_api_tells_nothing_of_the_host(user: User, path: str) -> None:
    assert Api(user).get(path).status_code == 403


def test_the_api_does_what_he_may(user: User) -> None:
    api = Api(user)
    assert api.post("/containers/shop-web/start/").status_code == 202
    assert api.post("/containers/secret-web/start/").status_code == 404
    assert api.post("/bulk/", {"operation": "start", "containers": ["shop-db", "secret-web"]}).status_code == 404
    assert api.post("/containers/shop-db/execute/", {"command": ["id"]}).status_code == 403
    assert api.client.delete("/api/v1/containers/shop-db/").status_code == 403


def test_a_page_says_what_is_missing(browser: Client) -> None:
    response = browser.get("/containers/shop-db/delete/")
    assert response.status_code == 403
    assert parse(response).one("h1").text == "You may not destroy containers"


def test_a_refusal_is_on_record_once(browser: Client, user: User) -> None:
    refusals.forget()
    for _again in range(3):
        assert browser.get("/containers/shop-db/delete/").status_code == 403
    assert Api(user).client.delete("/api/v1/containers/shop-db/").status_code == 403
    events = Event.objects.filter(kind="permission.refuse").order_by("id")
    assert [(event.user, event.via, event.data["right"]) for event in events] == [
        (user, "web", "destroy"),
        (user, "api", "destroy"),
    ]
