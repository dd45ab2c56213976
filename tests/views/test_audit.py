"""The audit pages: filters, one thing's whole story, three clicks from a question to its answer, exports, saved views."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from containers.choices import JobState, Via
from containers.domain.states import Operation
from containers.models import Command, Event, Job, SavedView, Step
from containers.services import audit, containers, job_ends, operations
from containers.services.actor import Actor
from tests.support import rows
from tests.support.audit import write
from tests.support.html import parse
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db

SYSTEM = Actor(None, Via.SYSTEM)


@pytest.fixture
def auditor(db: None) -> User:
    return rows.user("aud", "read_audit", "view_container")


@pytest.fixture
def client(auditor: User) -> Client:
    return signed_in(auditor)


def listed(client: Client, query: str = "") -> list[str]:
    tree = parse(client.get(f"/audit/?{query}"))
    return [element.text for element in tree.all("a") if "sw-name" in element.attrs.get("class", "")]


def test_everybody_who_may_not_is_refused(operator: User, viewer: User) -> None:
    for person in (operator, viewer):
        assert signed_in(person).get("/audit/").status_code == 403
        assert "/audit/" not in signed_in(person).get("/containers/").content.decode()


def test_it_stands_in_the_navigation_of_who_may(client: Client) -> None:
    assert 'href="/audit/"' in client.get("/containers/").content.decode()
    assert 'href="/audit/"' in client.get("/search/?q=audit").content.decode()


def test_filters_leave_what_fits(client: Client) -> None:
    ann = rows.user("ann")
    web = rows.container("web")
    audit.record(rows.actor(ann), "sign-in", "ann", {})
    job = operations.request(rows.ROOT, Operation.START, ["web"])
    assert listed(client, "who=ann") == ["Signed in"]
    assert listed(client, "kind=container.create") == ["Container defined"]
    assert listed(client, "via=api") == ["Signed in"]
    assert listed(client, f"job={job.pk}") == ["Job asked for"]
    assert listed(client, "until=2020-01-01") == []
    assert listed(client, "subject=web&kind=job.queue") == ["Job asked for", "Job asked for"]
    assert len(listed(client, "kind=nothing&via=x&job=-1&since=never")) == Event.objects.count()
    assert web.name == "web"


def test_a_story_has_the_jobs_that_touched_a_thing(client: Client) -> None:
    rows.chain()
    job = operations.request(rows.ROOT, Operation.STOP, ["db"])
    job_ends.record(job)
    assert listed(client, "subject=web")[:2] == ["Job ended", "Job asked for"]


def test_who_stopped_the_shop_in_three_clicks(client: Client) -> None:
    ann = rows.user("ann", "operate_container")
    shop = rows.container("shop", state="RUNNING")
    job = operations.request(rows.actor(ann), Operation.STOP, ["shop"])
    step = Step.objects.create(job=job, number=1, container="shop", action="stop")
    Command.objects.create(step=step, number=1, argv=["lxc-stop", "--name", "shop"], started_at=timezone.now(), exit_code=0)
    shop.refresh_from_db()
    containers.update_container(rows.ROOT, shop, {"description": "sells"})
    # The first: the story of the shop, by who stopped it.
    page = parse(client.get("/audit/?subject=shop&kind=job.queue&who=ann"))
    assert "Stop" in page.text
    (link,) = [element for element in page.all("a") if "sw-name" in element.attrs.get("class", "")]
    # The second: what was done, by whom, with which commands, on which definition.
    event = parse(client.get(link.attrs["href"]))
    assert "ann" in event.text
    assert "lxc-stop --name shop" in event.text
    hrefs = [element.attrs.get("href", "") for element in event.all("a")]
    assert "/containers/shop/history/?revision=1" in hrefs
    # The third: what has changed since.
    since = parse(client.get("/containers/shop/history/?from=1"))
    assert "/containers/shop/history/?from=1" in hrefs
    assert "sells" in since.text


def test_a_change_is_shown_field_by_field(client: Client) -> None:
    web = rows.container("web")
    containers.update_container(rows.ROOT, web, {"description": "new words"})
    event = Event.objects.get(kind="container.update")
    text = parse(client.get(f"/audit/{event.pk}/")).text
    assert "description" in text
    assert "new words" in text


@pytest.mark.parametrize(
    "data", [{"before": 1, "after": []}, {"before": {"a": {"b": [1]}}, "after": {}}, {"operation": {}, "state": []}]
)
def test_what_makes_no_sense_is_shown_as_it_is(client: Client, data: dict[str, Any]) -> None:
    event = audit.record(SYSTEM, "container.update", "x", data)
    assert client.get(f"/audit/{event.pk}/").status_code == 200
    assert client.get("/audit/").status_code == 200


def test_what_somebody_typed_breaks_no_line_and_makes_no_tag(client: Client) -> None:
    hostile = "x\r\nroot signed in\x1b[2J\u202e<script>"
    event = audit.record(Actor(None, Via.WEB, None, hostile), "sign-in.fail", hostile, {"reason": hostile})
    for path in ("/audit/", f"/audit/{event.pk}/"):
        content = client.get(path).content.decode()
        assert "<script>" not in content.replace("<script defer", "").replace('<script type="application/json"', "")
        assert "\x1b" not in content
        assert "\u202e" not in content
        assert "<U+001B>" in parse(client.get(path)).text
    lines = export(client, "jsonl").splitlines()
    assert all(json.loads(line) for line in lines)


def export(client: Client, name: str, query: str = "") -> str:
    response = client.post("/audit/export/", {"format": name, "query": query})
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_table_takes_no_text_for_a_formula(client: Client, start: str) -> None:
    audit.record(SYSTEM, "demo.create", f"{start}HYPERLINK(0)", {})
    (row,) = csv.DictReader(io.StringIO(export(client, "csv")))
    assert row["subject"].startswith("'")


def test_an_export_has_what_the_filters_leave_and_is_recorded(client: Client) -> None:
    write(2)
    write(1, "sign-in")
    assert [json.loads(line)["kind"] for line in export(client, "jsonl", "kind=sign-in").splitlines()] == ["sign-in"]
    event = Event.objects.latest("id")
    assert (event.kind, event.user_name, event.data) == ("audit.export", "aud", {"format": "jsonl", "query": {"kind": "sign-in"}})
    assert client.post("/audit/export/", {"format": "xls"}).status_code == 422


def test_views_are_saved_under_a_name(client: Client, auditor: User) -> None:
    saved = client.post("/audit/views/", {"name": "stops", "query": 'kind=job.queue&who=ann"><b>'})
    assert saved["Location"] == "/audit/?kind=job.queue&who=ann%22%3E%3Cb%3E"
    client.post("/audit/views/", {"name": "stops", "query": "kind=job.queue"})
    view = SavedView.objects.get()
    assert (view.user, view.name, view.query) == (auditor, "stops", "kind=job.queue")
    assert 'href="/audit/?kind=job.queue"' in client.get("/audit/").content.decode()
    other = rows.user("other", "read_audit", "view_container")
    assert signed_in(other).post(f"/audit/views/{view.pk}/remove/").status_code == 404
    client.post(f"/audit/views/{view.pk}/remove/")
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 61])
def test_a_view_without_a_proper_name_is_not_saved(client: Client, name: str) -> None:
    response = client.post("/audit/views/", {"name": name, "query": ""}, follow=True)
    assert "name:" in parse(response).text
    assert not SavedView.objects.exists()


def test_a_page_costs_the_same_for_ten_and_for_twenty(client: Client, django_assert_num_queries: Any) -> None:
    client.get("/audit/")
    counted = []
    for _ in range(2):
        for _ in range(10):
            job = Job.objects.create(host=rows.host(), operation="start", state=JobState.SUCCEEDED, via="cli")
            audit.record(SYSTEM, "job.queue", "web", {"operation": "start"}, job)
        with django_assert_num_queries(30, exact=False) as queries:
            client.get("/audit/")
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_pages_go_on(client: Client) -> None:
    write(60)
    assert len(listed(client)) == 50
    assert len(listed(client, "page=2")) == 10


def test_how_long_what_is_kept_is_said(client: Client, settings: Any) -> None:
    settings.AUDIT_DAYS = 77
    assert "77 days" in parse(client.get("/audit/")).text


@pytest.mark.parametrize("path", ["/export/", "/containers/web/export/", "/api/v1/export/"])
def test_definitions_that_leave_the_panel_are_recorded(client: Client, path: str) -> None:
    rows.container("web")
    assert client.get(path).status_code == 200
    event = Event.objects.latest("id")
    assert (event.kind, event.user_name) == ("definitions.export", "aud")
    assert event.subject == ("web" if "web" in path else rows.host().name)


def test_a_support_file_is_recorded(client: Client) -> None:
    rows.container("web")
    job = Job.objects.latest("id")
    b"".join(client.get(f"/jobs/{job.pk}/support/").streaming_content)
    assert (Event.objects.latest("id").kind, Event.objects.latest("id").job_id) == ("job.export", job.pk)


def test_one_request_has_one_number(client: Client) -> None:
    rows.container("web")
    response = client.get("/export/", headers={"X-Request-ID": "forged"})
    assert Event.objects.latest("id").request_id == response.headers["X-Request-ID"]
    assert len(response.headers["X-Request-ID"]) == 32
