"""The bell, its list, and what pops up."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from containers.models import Job
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db


def job(user: User, state: str = "failed", **more: Any) -> Job:
    values: dict[str, Any] = {"operation": "start", "targets": ["web"], "via": "web", "ended_at": timezone.now(), **more}
    return Job.objects.create(host=rows.host(), state=state, user=user, user_name=user.username, **values)


def bell(client: Client) -> Element:
    return parse(client.get("/containers/")).one("a", id="bell")


def test_the_bell_says_how_many_and_whether_something_went_wrong(client: Client, operator: User, viewer: User) -> None:
    job(viewer)
    assert bell(client)["aria-label"] == "Notifications"
    job(operator, "succeeded")
    assert bell(client)["aria-label"] == "Notifications, 1 unread"
    assert bell(client).all("span", "sw-bell-bad") == []
    job(operator)
    assert bell(client).one("span", "sw-bell-bad").text == "2"
    assert parse(client.get("/strip/", headers=HTMX)).one("a", id="bell")["aria-label"] == "Notifications, 2 unread"


def test_the_list_has_what_is_read_too_and_marks_one_or_all(client: Client, operator: User) -> None:
    first, second, third = job(operator, reason="exit 7"), job(operator), job(operator, read_at=timezone.now())

    def unread() -> list[str]:
        return [item.one("a")["href"] for item in parse(client.get("/notifications/")).all("li", "sw-unread")]

    tree = parse(client.get("/notifications/")).one("main")
    assert len(tree.one("ul", "sw-rows").all("li")) == 3
    assert "exit 7" in tree.text
    assert unread() == [second.get_absolute_url(), first.get_absolute_url()]
    assert client.post("/notifications/read/", {"job": first.pk})["Location"] == "/notifications/"
    assert unread() == [second.get_absolute_url()]
    client.post("/notifications/read/")
    assert unread() == []
    assert third.get_absolute_url() in [link["href"] for link in parse(client.get("/notifications/")).one("main").all("a")]


@pytest.mark.parametrize("number", ["x", "-1", "99999999999999999999", "²"])
def test_nonsense_marks_nothing(client: Client, operator: User, number: str) -> None:
    job(operator)
    client.post("/notifications/read/", {"job": number})
    assert bell(client)["aria-label"] == "Notifications, 1 unread"


def test_who_looks_at_the_job_has_read_it_and_nobody_else(client: Client, viewer_client: Client, operator: User) -> None:
    failed = job(operator)
    viewer_client.get(failed.get_absolute_url())
    assert bell(client)["aria-label"] == "Notifications, 1 unread"
    assert parse(client.get(failed.get_absolute_url())).one("a", id="bell")["aria-label"] == "Notifications"


def test_a_toast_says_what_became_of_the_job_and_marks_it_read(client: Client, operator: User) -> None:
    failed = job(operator, reason="exit 7")
    toast = parse(client.get(f"/notifications/{failed.pk}/", headers=HTMX))
    assert "Start web failed" in toast.text
    assert "exit 7" in toast.text
    assert toast.one("div", data_stays=True)["id"] == f"toast-{failed.pk}"
    answer = client.post("/notifications/read/", {"job": failed.pk}, headers=HTMX)
    assert parse(answer).one("a", id="bell")["aria-label"] == "Notifications"
    assert client.get(f"/notifications/{failed.pk}/", headers=HTMX).content == b""


def test_there_is_no_toast_for_what_is_somebody_elses_or_goes_on(client: Client, operator: User, viewer: User) -> None:
    for other in (job(viewer), job(operator, "running", ended_at=None), job(operator, "succeeded", via="api")):
        assert client.get(f"/notifications/{other.pk}/", headers=HTMX).content == b""
    assert client.get("/notifications/999999/", headers=HTMX).content == b""


def test_an_empty_list_says_what_would_be_there(client: Client) -> None:
    assert "No notifications" in parse(client.get("/notifications/")).one("main").text


def test_more_notices_need_no_more_queries(client: Client, operator: User, django_assert_max_num_queries: Any) -> None:
    job(operator)
    with django_assert_max_num_queries(15) as few:
        client.get("/notifications/")
    for _ in range(10):
        job(operator)
    with django_assert_max_num_queries(len(few)):
        client.get("/notifications/")
