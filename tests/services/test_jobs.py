"""Jobs cancelled and asked for once more."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from containers.choices import Cancel, ContainerState, JobState
from containers.domain.states import Operation
from containers.errors import Conflict, Forbidden, InvalidRequest, NotFound
from containers.models import Event, Job, Layer
from containers.services import containers, hosts, jobs, layers, operations
from tests.support import rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db


def started(name: str = "a", state: JobState = JobState.QUEUED, **values: Any) -> Job:
    rows.container(name)
    job = operations.request(ROOT, Operation.START, [name])
    Job.objects.filter(pk=job.pk).update(state=state, **values)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.WAITING])
@pytest.mark.parametrize("how", [Cancel.NEXT, Cancel.NOW])
def test_what_has_not_begun_ends_on_the_spot(operator: User, state: JobState, how: Cancel) -> None:
    job = jobs.cancel(rows.actor(operator), started(state=state), how)
    assert (job.state, job.cancel, job.reason) == ("cancelled", how, "cancelled by operator before it began")
    assert job.ended_at is not None
    event = Event.objects.get(kind="job.cancel")
    assert (event.subject, event.data, event.job) == (f"job {job.pk}", {"how": how}, job)


@pytest.mark.parametrize(("before", "how", "after"), [("", "next", "next"), ("next", "now", "now"), ("now", "next", "now")])
def test_what_runs_is_told_so_and_now_is_not_taken_back(before: str, how: str, after: str) -> None:
    job = jobs.cancel(ROOT, started(state=JobState.RUNNING, cancel=before), Cancel(how))
    assert (job.state, job.cancel, job.ended_at) == ("running", after, None)


@pytest.mark.parametrize("state", ["succeeded", "failed", "errored", "cancelled", "lost"])
def test_what_has_ended_is_not_cancelled(state: str) -> None:
    job = started(state=JobState(state))
    with pytest.raises(Conflict, match=f"Job {job.pk} has ended already: it is {state}"):
        jobs.cancel(ROOT, job, Cancel.NOW)
    assert not Event.objects.filter(kind="job.cancel").exists()


def test_a_job_that_ends_meanwhile_is_not_cancelled() -> None:
    job = started(state=JobState.RUNNING)
    Job.objects.update(state=JobState.SUCCEEDED)
    with pytest.raises(Conflict, match="it is succeeded"):
        jobs.cancel(ROOT, job, Cancel.NOW)


@pytest.mark.parametrize("state", ["succeeded", "failed", "errored", "cancelled", "lost"])
def test_a_retry_is_a_new_job_that_points_to_the_old(operator: User, state: str) -> None:
    old = started(state=JobState(state))
    new = jobs.retry(rows.actor(operator), old)
    assert (new.operation, new.targets, new.retry_of, new.state) == ("start", ["a"], old, "queued")
    assert (new.user, old.user) == (operator, None)
    assert Event.objects.get(job=new).data["retry_of"] == old.pk


@pytest.mark.parametrize("state", ["queued", "waiting", "running"])
def test_what_has_not_ended_is_not_retried(state: str) -> None:
    with pytest.raises(Conflict, match="has not ended yet"):
        jobs.retry(ROOT, started(state=JobState(state)))


def test_a_retry_is_judged_as_if_it_were_asked_for_now() -> None:
    row = rows.container("a", state=ContainerState.RUNNING)
    job = operations.request(ROOT, Operation.EXECUTE, ["a"], {"command": ["id"], "uid": "5"})
    Job.objects.update(state=JobState.FAILED)
    job.refresh_from_db()
    assert jobs.retry(ROOT, job).inputs == {"command": ["id"], "uid": "5"}
    containers.forget(row)
    with pytest.raises(NotFound):
        jobs.retry(ROOT, job)


def test_a_creation_is_retried() -> None:
    rows.container("a")
    job = Job.objects.get(operation="create")
    new = jobs.retry(ROOT, job)
    assert (new.operation, new.targets, [link.name for link in new.containers.all()]) == ("create", ["a"], ["a"])


def test_an_import_is_retried_with_its_row_made_again() -> None:
    path = f"{settings.IMPORT_DIRS[0]}/x"
    job = layers.request_import(ROOT, "deb", path=path)
    Job.objects.update(state=JobState.FAILED)
    Layer.objects.all().delete()
    job.refresh_from_db()
    new = jobs.retry(ROOT, job)
    assert (new.targets, new.inputs, new.retry_of) == (["deb"], {"path": path}, job)
    assert hosts.get_layer("deb").is_available is False


def test_an_import_whose_upload_is_gone_is_not_retried() -> None:
    job = layers.request_import(ROOT, "deb", upload="0" * 32)
    Job.objects.update(state=JobState.FAILED)
    job.refresh_from_db()
    with pytest.raises(Conflict, match="uploaded archive is gone"):
        jobs.retry(ROOT, job)


@pytest.mark.parametrize("rights", [(), ("view_container",)])
def test_the_stranger_may_not(rights: tuple[str, ...]) -> None:
    job = started()
    somebody = rows.actor(rows.user("somebody", *rights))
    with pytest.raises(Forbidden):
        jobs.cancel(somebody, job, Cancel.NOW)
    with pytest.raises(Forbidden):
        jobs.retry(somebody, job)
    job.refresh_from_db()
    assert job.state == "queued"


def test_what_no_job_can_be_is_not_asked_for_once_more() -> None:
    with pytest.raises(InvalidRequest, match="operation"):
        jobs.retry(ROOT, started(state=JobState.FAILED, operation="rm -rf"))
