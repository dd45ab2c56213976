"""/jobs/."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from containers.choices import JobState, StepState
from containers.domain.states import Operation
from containers.models import Command, Job, Line, Step
from containers.services import operations
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

START = datetime.datetime(2026, 11, 24, 8, 0, 0, 123000, tzinfo=datetime.UTC)


def at(seconds: int) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


def finished(name: str = "web") -> Job:
    """A job with two steps, three commands and their output."""
    rows.container(name)
    job = operations.request(rows.ROOT, Operation.START, [name], {"command": ["id"]})
    Job.objects.filter(pk=job.pk).update(
        state=JobState.FAILED, reason="it broke", error="in its own words", created_at=at(0), started_at=at(1), ended_at=at(9)
    )
    one = Step.objects.create(
        job=job, number=1, container="db", action="start", state=StepState.SUCCEEDED, started_at=at(1), ended_at=at(2)
    )
    Step.objects.create(job=job, number=2, container=name, action="start", state=StepState.SKIPPED)
    for number, argv in enumerate((["lxc-start", "-n", "db"], ["lxc-info"])):
        command = Command.objects.create(step=one, number=number, argv=argv, started_at=at(1), duration_ms=7, exit_code=number)
        Line.objects.bulk_create(
            Line(job=job, command=command, number=2 * number + line, at=at(2), text=f"{number} {line}") for line in (1, 2)
        )
    return Job.objects.get(pk=job.pk)


def summary(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk,
        "operation": "start",
        "targets": ["web"],
        "inputs": {"command": ["id"]},
        "state": "failed",
        "reason": "it broke",
        "error": "in its own words",
        "user": "root",
        "via": "cli",
        "created_at": "2026-11-24T08:00:00.123Z",
        "started_at": "2026-11-24T08:00:01.123Z",
        "ended_at": "2026-11-24T08:00:09.123Z",
        "retry_of": None,
    }


def test_a_job_is_shown_with_steps_commands_and_output(api: Api) -> None:
    job = finished()
    assert api.get(f"/jobs/{job.pk}/").json() == {
        **summary(job),
        "steps": [
            {
                "container": "db",
                "action": "start",
                "state": "succeeded",
                "started_at": "2026-11-24T08:00:01.123Z",
                "ended_at": "2026-11-24T08:00:02.123Z",
                "commands": [
                    {"argv": ["lxc-start", "-n", "db"], "exit_code": 0, "duration_ms": 7, "output": "0 1\n0 2\n"},
                    {"argv": ["lxc-info"], "exit_code": 1, "duration_ms": 7, "output": "1 1\n1 2\n"},
                ],
            },
            {"container": "web", "action": "start", "state": "skipped", "started_at": None, "ended_at": None, "commands": []},
        ],
    }


def test_a_job_takes_as_many_queries_for_many_commands_as_for_few(api: Api, django_assert_num_queries: Any) -> None:
    job = finished()
    api.get(f"/jobs/{job.pk}/")
    with django_assert_num_queries(3 + 4):
        api.get(f"/jobs/{job.pk}/")
    step = job.steps.first()
    assert step is not None
    Command.objects.bulk_create(Command(step=step, number=number, argv=["x"], started_at=at(1)) for number in range(10, 40))
    with django_assert_num_queries(3 + 4):
        api.get(f"/jobs/{job.pk}/")


def test_jobs_are_listed_newest_first_without_steps(api: Api) -> None:
    job = finished()
    body = api.get("/jobs/").json()
    assert (body["count"], body["next"]) == (2, None)
    assert body["results"][0] == summary(job)
    assert body["results"][1]["operation"] == "create"


def ids(api: Api, query: str) -> list[int]:
    response = api.get(f"/jobs/?{query}")
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["results"]]


def test_jobs_are_filtered(api: Api, operator: User) -> None:
    rows.chain()
    Job.objects.update(created_at=at(-100_000))
    start = operations.request(rows.actor(operator), Operation.START, ["app"])
    stop = operations.request(rows.ROOT, Operation.STOP, ["web"])
    Job.objects.filter(pk=start.pk).update(created_at=at(0), state=JobState.LOST)
    Job.objects.filter(pk=stop.pk).update(created_at=at(10))
    assert ids(api, "operation=start") == [start.pk]
    assert ids(api, "operation=stop&container=web") == [stop.pk]
    assert ids(api, "container=db&operation=start") == [start.pk]
    assert ids(api, "state=lost") == [start.pk]
    assert ids(api, "user=operator") == [start.pk]
    assert ids(api, "since=2026-11-24T08:00:05Z") == [stop.pk]
    assert ids(api, "since=2026-11-24T09:00:05+01:00") == [stop.pk]
    assert ids(api, "since=2026-11-24T08:00:00Z&until=2026-11-24T08:00:05") == [start.pk]
    assert ids(api, "until=2026-11-24") == ids(api, "operation=create")
    assert ids(api, "user=nobody") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("operation=explode", "operation"),
        ("state=FAILED", "state"),
        ("since=yesterday", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("until=9999-12-31T23:59:59-14:00", "until"),
        ("until=99999999999999999999999", "until"),
        ("container=%00", "container"),
        ("user=%C2%85", "user"),
        ("page=-1", "page"),
    ],
)
def test_bad_filters_are_refused_by_field(api: Api, query: str, field: str) -> None:
    response = api.get(f"/jobs/?{query}")
    assert (response.status_code, response.json()["field"]) == (422, field)


def test_the_log_goes_on_where_the_client_is(api: Api) -> None:
    job = finished()
    whole = api.get(f"/jobs/{job.pk}/log/").json()
    assert [(line["number"], line["text"]) for line in whole["lines"]] == [(1, "0 1"), (2, "0 2"), (3, "1 1"), (4, "1 2")]
    assert whole["lines"][0]["at"] == "2026-11-24T08:00:02.123Z"
    assert whole["state"] == "failed"
    rest = api.get(f"/jobs/{job.pk}/log/?after=3").json()
    assert [line["number"] for line in rest["lines"]] == [4]
    assert api.get(f"/jobs/{job.pk}/log/?after=4").json() == {"lines": [], "state": "failed"}


def test_the_log_comes_in_pieces(api: Api) -> None:
    job = finished()
    Line.objects.bulk_create(Line(job=job, number=number, at=at(3), text="x") for number in range(5, 2006))
    piece = api.get(f"/jobs/{job.pk}/log/").json()["lines"]
    assert (len(piece), piece[-1]["number"]) == (1000, 1000)


@pytest.mark.parametrize("after", ["-1", "x", "99999999999999999999"])
def test_a_log_after_nonsense_is_refused(api: Api, after: str) -> None:
    job = finished()
    response = api.get(f"/jobs/{job.pk}/log/?after={after}")
    assert (response.status_code, response.json()["field"]) == (422, "after")


@pytest.mark.parametrize(("body", "how"), [(None, "next"), ({}, "next"), ({"now": False}, "next"), ({"now": True}, "now")])
def test_a_job_is_cancelled(api: Api, body: Any, how: str) -> None:
    rows.container("web")
    job = operations.request(rows.ROOT, Operation.START, ["web"])
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING, started_at=timezone.now())
    response = api.post(f"/jobs/{job.pk}/cancel/", body)
    assert (response.status_code, response.json()) == (202, {"job": job.pk})
    job.refresh_from_db()
    assert job.cancel == how
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    late = api.post(f"/jobs/{job.pk}/cancel/", body)
    assert (late.status_code, late.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("body", [{"now": "yes"}, {"now": None}, {"later": True}])
def test_bad_cancels_are_refused(api: Api, body: Any) -> None:
    job = finished()
    assert api.post(f"/jobs/{job.pk}/cancel/", body).status_code == 422


def test_a_job_is_retried(api: Api, operator: User) -> None:
    job = finished()
    response = api.post(f"/jobs/{job.pk}/retry/")
    new = Job.objects.latest("id")
    assert (response.status_code, response.json(), response["Location"]) == (202, {"job": new.pk}, f"/api/v1/jobs/{new.pk}/")
    shown = api.get(f"/jobs/{new.pk}/").json()
    assert (shown["retry_of"], shown["user"], shown["operation"], shown["inputs"]) == (job.pk, "operator", "start", job.inputs)
    assert api.post(f"/jobs/{new.pk}/retry/").status_code == 409


@pytest.mark.parametrize("number", ["0", "999", "9" * 30, "-1", "x", "1.5", "%00"])
@pytest.mark.parametrize("rest", ["", "log/", "cancel/", "retry/"])
def test_what_does_not_exist_is_not_found(api: Api, number: str, rest: str) -> None:
    method = "POST" if rest in ("cancel/", "retry/") else "GET"
    response = api(method, f"/jobs/{number}/{rest}")
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
