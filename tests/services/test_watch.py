"""Waiting for a job."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from containers.choices import JobState, StepState
from containers.domain.states import Operation
from containers.models import Job, Step
from containers.services import operations, watch
from tests.support import rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db


def test_what_happens_is_yielded_once_and_the_outcome_last(monkeypatch: pytest.MonkeyPatch) -> None:
    rows.chain()
    job = operations.request(ROOT, Operation.START, ["app"])

    def end(number: int, container: str, state: StepState) -> None:
        Step.objects.create(job=job, number=number, container=container, action="start", state=state, ended_at=timezone.now())

    def become(state: JobState, reason: str = "") -> None:
        Job.objects.filter(pk=job.pk).update(state=state, reason=reason)

    def begin() -> None:
        become(JobState.RUNNING)
        end(1, "db", StepState.SUCCEEDED)

    def fail() -> None:
        end(2, "app", StepState.FAILED)
        become(JobState.FAILED, "app broke")

    def nothing() -> None:
        """A look at which there is nothing new."""

    script: list[Callable[[], None]] = [
        lambda: become(JobState.WAITING, "job 1 is changing db"),
        nothing,
        begin,
        nothing,
        fail,
    ]
    monkeypatch.setattr("containers.services.watch.time.sleep", lambda seconds: script.pop(0)())
    seen = [
        (progress.job.state, progress.job.reason, [step.container for step in progress.ended]) for progress in watch.follow(job)
    ]
    assert seen == [
        ("queued", "", []),
        ("waiting", "job 1 is changing db", []),
        ("running", "", ["db"]),
        ("failed", "app broke", ["app"]),
    ]
    assert script == []


def test_a_job_that_has_ended_is_told_at_once() -> None:
    rows.container("a")
    job = operations.request(ROOT, Operation.START, ["a"])
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    assert [progress.job.state for progress in watch.follow(job)] == ["succeeded"]
