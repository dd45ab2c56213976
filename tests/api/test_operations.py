"""Host work asked for, and plans."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from containers.choices import CONTAINER_OPERATIONS, ContainerState
from containers.models import Container, Event, Job
from containers.services import operations
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

PLAIN = ("start", "stop", "restart", "kill", "unfreeze", "mount", "unmount")


def last() -> Job:
    return Job.objects.latest("id")


@pytest.mark.parametrize("operation", PLAIN)
@pytest.mark.parametrize("data", [None, "", "{}", "null"])
def test_an_operation_is_queued(api: Api, operator: User, operation: str, data: str | None) -> None:
    rows.container("web")
    more = {} if data is None else {"data": data}
    response = api.post(f"/containers/web/{operation}/", **more)
    job = last()
    assert (response.status_code, response.json(), response["Location"]) == (202, {"job": job.pk}, f"/api/v1/jobs/{job.pk}/")
    assert (job.operation, job.targets, job.inputs, job.user, job.via) == (operation, ["web"], {}, operator, "api")
    assert api.get("/containers/web/").json()["job"] == job.pk
    assert Event.objects.filter(job=job, kind="job.queue", user=operator).count() == 1


def test_a_freeze_needs_a_container_that_runs(api: Api) -> None:
    rows.container("web", state=ContainerState.RUNNING)
    assert api.post("/containers/web/freeze/").status_code == 202
    Container.objects.update(state=ContainerState.STOPPED)
    response = api.post("/containers/web/freeze/")
    assert (response.status_code, response.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("operation", [*PLAIN, "freeze", "execute"])
def test_what_does_not_exist_is_not_found(api: Api, operation: str) -> None:
    response = api.post(f"/containers/web/{operation}/", {"command": ["id"]} if operation == "execute" else None)
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("operation", [*PLAIN, "freeze"])
def test_unknown_keys_are_refused_by_name(api: Api, operation: str) -> None:
    rows.container("web", state=ContainerState.RUNNING)
    response = api.post(f"/containers/web/{operation}/", {"force": True})
    assert (response.status_code, response.json()["field"]) == (422, "force")
    assert Job.objects.count() == 1


def test_a_start_takes_a_command(api: Api) -> None:
    rows.container("web")
    assert api.post("/containers/web/start/", {"command": ["/bin/sh", "-c", "a b"]}).status_code == 202
    assert last().inputs == {"command": ["/bin/sh", "-c", "a b"]}


def test_an_execution_is_queued_with_its_inputs(api: Api) -> None:
    rows.container("web")
    assert api.post("/containers/web/execute/", {"command": ["id", "-u"], "uid": "www-data", "gid": 33}).status_code == 202
    assert last().inputs == {"command": ["id", "-u"], "uid": "www-data", "gid": "33"}
    assert api.post("/containers/web/execute/", {"command": ["id"], "uid": None}).status_code == 202
    assert last().inputs == {"command": ["id"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "command"),
        ({"command": []}, "command"),
        ({"command": "id"}, "command"),
        ({"command": [""]}, "command.0"),
        ({"command": ["id", "a\nb"]}, "command.1"),
        ({"command": ["id", "\ud800"]}, "command.1"),
        ({"command": ["id"], "uid": "65536"}, "uid"),
        ({"command": ["id"], "gid": "a b"}, "gid"),
        ({"command": ["id"], "cwd": "/"}, "cwd"),
    ],
)
def test_bad_executions_are_refused_by_field(api: Api, body: Any, field: str) -> None:
    rows.container("web")
    response = api.post("/containers/web/execute/", body)
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert Job.objects.count() == 1


@pytest.mark.parametrize("body", [None, [], "x"])
def test_an_execution_needs_an_object(api: Api, body: Any) -> None:
    rows.container("web")
    assert api.post("/containers/web/execute/", body).status_code == 422


@pytest.mark.parametrize("operation", CONTAINER_OPERATIONS)
def test_bulk_is_one_job(api: Api, operation: str) -> None:
    running = operation in ("freeze", "stop", "restart")
    rows.chain(state=ContainerState.RUNNING if running else ContainerState.STOPPED)
    response = api.post("/bulk/", {"operation": operation, "containers": ["web", "app", "db"]})
    assert (response.status_code, response.json()) == (202, {"job": last().pk})
    assert (last().operation, last().targets) == (operation, ["web", "app", "db"])
    assert Job.objects.exclude(operation="create").count() == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"operation": "start", "containers": []}, 422, "containers"),
        ({"operation": "start", "containers": ["a" * 64]}, 422, "containers.0"),
        ({"operation": "start", "containers": ["web", "\u0000"]}, 422, "containers.1"),
        ({"operation": "start", "containers": "web"}, 422, "containers"),
        ({"operation": "start"}, 422, "containers"),
        ({"operation": "create", "containers": ["web"]}, 422, "operation"),
        ({"operation": "execute", "containers": ["web"]}, 422, "operation"),
        ({"operation": "rm -rf", "containers": ["web"]}, 422, "operation"),
        ({"operation": ["start"], "containers": ["web"]}, 422, "operation"),
        ({"operation": "start", "containers": ["web"], "force": 1}, 422, "force"),
        ({"operation": "start", "containers": ["web", "other", "more"]}, 404, None),
    ],
)
def test_bad_bulk_requests_are_refused(api: Api, body: Any, status: int, field: str | None) -> None:
    rows.container("web")
    response = api.post("/bulk/", body)
    assert (response.status_code, response.json().get("field")) == (status, field)
    assert Job.objects.count() == 1
    if status == 404:
        assert response.json()["message"] == "There is no container more, other"


def test_a_plan_says_what_would_be_done_and_does_nothing(api: Api) -> None:
    rows.chain()
    Container.objects.filter(name="db").update(state=ContainerState.RUNNING)
    before = (Job.objects.count(), Event.objects.count())
    assert api.get("/containers/web/plan/?operation=start").json() == {
        "operation": "start",
        "targets": ["web"],
        "steps": [
            {"container": "db", "action": "skip", "reason": "already running"},
            {"container": "app", "action": "start", "reason": "needed by web"},
            {"container": "web", "action": "start", "reason": "asked for"},
        ],
    }
    assert (Job.objects.count(), Event.objects.count()) == before


def test_one_plan_covers_several(api: Api) -> None:
    rows.chain(state=ContainerState.RUNNING)
    response = api.get("/plan/?operation=stop&container=web&container=app")
    assert response.json()["targets"] == ["web", "app"]
    assert [step["container"] for step in response.json()["steps"]] == ["web", "app"]
    assert api.get("/plan/?operation=shutdown").json()["targets"] == ["app", "db", "web"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("", 422, "operation"),
        ("operation=x&container=web", 422, "operation"),
        ("operation=demo&container=web", 422, "operation"),
        ("operation=start", 422, "containers"),
        ("operation=start&container=A", 422, "container.0"),
        ("operation=start&container=other", 404, None),
        ("operation=freeze&container=web", 409, None),
    ],
)
def test_bad_plans_are_refused(api: Api, query: str, status: int, field: str | None) -> None:
    rows.container("web")
    response = api.get(f"/plan/?{query}")
    assert (response.status_code, response.json().get("field")) == (status, field)


def test_a_click_costs_eleven_queries(api: Api, django_assert_num_queries: Any) -> None:
    """Token and rights (three), then what `services.operations` says."""
    rows.chain()
    api.post("/containers/web/start/")
    with django_assert_num_queries(3 + 8 + 2):
        api.post("/containers/web/start/")


@pytest.mark.parametrize("reason", ["database is locked", "database or disk is full"])
def test_a_database_that_does_not_answer_is_no_bug(api: Api, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    rows.container("web")

    def fail(*args: object, **more: object) -> None:
        raise OperationalError(reason)

    monkeypatch.setattr(operations, "request", fail)
    answer = api.post("/containers/web/start/", {})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert reason in answer.json()["message"]
