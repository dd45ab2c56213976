"""What is left of a job that did not come to its end."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from containers.choices import ContainerState, JobState, Operation, StepState
from containers.errors import Conflict, Forbidden
from containers.models import Job, Step
from containers.services import resuming
from tests.support import rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db

# How a step is written below: "stop a ok".
STATES = {
    "ok": StepState.SUCCEEDED,
    "bad": StepState.FAILED,
    "blocked": StepState.SKIPPED,
    "cancelled": StepState.CANCELLED,
    "lost": StepState.LOST,
}


def job_of(operation: Operation, targets: list[str], *steps: str, state: JobState = JobState.FAILED, **more: Any) -> Job:
    job = Job.objects.create(host=rows.host(), operation=operation, targets=targets, state=state, via="cli", **more)
    for number, step in enumerate(steps, start=1):
        action, name, became = step.split()
        Step.objects.create(job=job, number=number, container=name, action=action, state=STATES[became])
    return job


def rest(*args: Any, **more: Any) -> tuple[str, list[str], str, list[str]] | None:
    job = job_of(*args, **more)
    found = resuming.rest_of(job, list(job.steps.all()))
    return (found.operation.value, list(found.targets), found.first, list(found.done)) if found else None


@pytest.mark.parametrize(
    ("operation", "targets", "steps", "expected"),
    [
        (Operation.START, ["c"], ["skip a blocked", "start b bad", "start c blocked"], ("start", ["c"], "b", ["a"])),
        (Operation.START, ["a", "b"], ["start a ok", "start b bad"], ("start", ["b"], "b", ["a"])),
        # The target runs; what it needs does not come up.
        (Operation.START, ["b"], ["start a bad", "skip b blocked"], ("start", ["a"], "a", ["b"])),
        (Operation.AUTOSTART, ["a", "b"], ["start a ok", "start b cancelled"], ("start", ["b"], "b", ["a"])),
        (Operation.SHUTDOWN, ["a", "b"], ["stop b ok", "stop a lost"], ("stop", ["a"], "a", ["b"])),
        (Operation.KILL, ["a", "b"], ["kill a ok", "kill b bad"], ("kill", ["b"], "b", ["a"])),
        # Down already, so not down once more; what ran because of others comes up again, too.
        (
            Operation.RESTART,
            ["a"],
            ["stop b ok", "stop a ok", "start a bad", "start b blocked"],
            ("start", ["a", "b"], "a", []),
        ),
        (
            Operation.RESTART,
            ["a"],
            ["stop b ok", "stop a bad", "start a blocked", "start b blocked"],
            ("restart", ["a", "b"], "a", []),
        ),
    ],
)
def test_the_rest_is_what_did_not_succeed(operation: Operation, targets: list[str], steps: list[str], expected: Any) -> None:
    assert rest(operation, targets, *steps) == expected


def test_where_nothing_was_done_or_nothing_is_left_there_is_no_rest() -> None:
    assert rest(Operation.START, ["a"], "start a bad") is None
    assert rest(Operation.START, ["a"], "start a ok") is None
    assert rest(Operation.START, ["a"]) is None


@pytest.mark.parametrize("operation", [Operation.EXECUTE, Operation.CREATE, Operation.LAYER_IMPORT, Operation.TIDY, "x"])
def test_of_what_is_no_plan_on_containers_there_is_no_rest(operation: Operation) -> None:
    assert rest(operation, ["a", "b"], "start a ok", "start b bad") is None


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.SUCCEEDED, JobState.QUEUED])
def test_a_job_that_did_not_break_off_has_no_rest(state: JobState) -> None:
    assert rest(Operation.START, ["a", "b"], "start a ok", "start b bad", state=state) is None


def test_the_rest_becomes_a_job_that_points_to_the_first(operator: User) -> None:
    rows.container("a")
    rows.container("b")
    job = job_of(Operation.START, ["a", "b"], "start a ok", "start b bad")
    new = resuming.resume(rows.actor(operator), job)
    assert (new.operation, new.targets, new.inputs, new.retry_of) == ("start", ["b"], {}, job)


def test_a_command_for_one_run_is_kept() -> None:
    rows.container("a")
    rows.container("b", depends=["a"])
    job = job_of(Operation.START, ["b"], "start a ok", "start b bad", inputs={"command": ["sleep", "9"]})
    assert resuming.resume(ROOT, job).inputs == {"command": ["sleep", "9"]}


def test_volumes_that_went_with_their_container_are_not_asked_for_again() -> None:
    rows.container("b", mounts={"data-b": "srv"})
    inputs = {"volumes": ["data-a", "data-b"]}
    job = job_of(Operation.DESTROY, ["a", "b"], "destroy a ok", "destroy b bad", inputs=inputs)
    new = resuming.resume(ROOT, job)
    assert (new.targets, new.inputs) == (["b"], {"volumes": ["data-b"]})


def test_what_has_no_rest_is_refused_and_a_viewer_is_not_asked_for(viewer: User) -> None:
    rows.container("a", state=ContainerState.RUNNING)
    job = job_of(Operation.EXECUTE, ["a"], "execute a bad")
    with pytest.raises(Conflict, match="has no rest"):
        resuming.resume(ROOT, job)
    with pytest.raises(Forbidden):
        resuming.resume(rows.actor(viewer), job)
