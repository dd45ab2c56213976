"""How long output is kept: by age, by number, and never that of a job that goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from containers.choices import JobState
from containers.models import Command, Job, Line, Step
from containers.services import retention
from containers.services.retention import Limits
from tests.support import rows

pytestmark = pytest.mark.django_db

PLENTY = Limits(days=90, lines=1_000)


def job_with(lines: int, *, days_ago: float = 0, state: JobState = JobState.SUCCEEDED) -> Job:
    ended = timezone.now() - timedelta(days=days_ago)
    job = Job.objects.create(host=rows.host(), operation="start", state=state, via="cli", ended_at=ended)
    step = Step.objects.create(job=job, number=1, action="start")
    command = Command.objects.create(step=step, number=1, argv=["x"], started_at=ended)
    Line.objects.bulk_create(Line(job=job, command=command, number=number, at=ended, text="x") for number in range(1, lines + 1))
    return job


def left(job: Job) -> tuple[int, int]:
    """How many lines there are, and how many are said to be gone."""
    job.refresh_from_db()
    return job.lines.count(), job.swept_lines


def sweep(limits: Limits) -> list[int]:
    return list(retention.sweep(rows.host(), limits))


def test_output_goes_with_its_age_and_the_rest_of_the_record_stays() -> None:
    old, young = job_with(5, days_ago=91), job_with(5, days_ago=89)
    assert sweep(PLENTY) == [5]
    assert left(old) == (0, 5)
    assert left(young) == (5, 0)
    assert old.swept_at is not None
    assert old.steps.get().commands.count() == 1
    assert sweep(PLENTY) == []


def test_above_the_number_the_oldest_go_first() -> None:
    jobs = [job_with(400) for _ in range(4)]
    assert sweep(PLENTY) == [400, 400]
    assert [left(job) for job in jobs] == [(0, 400), (0, 400), (400, 0), (400, 0)]


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.WAITING])
def test_a_job_that_has_not_ended_keeps_its_output(state: JobState) -> None:
    job = job_with(2_000, days_ago=1_000, state=state)
    assert sweep(PLENTY) == []
    assert left(job) == (2_000, 0)


def test_a_long_output_goes_in_batches_and_a_sweep_that_was_left_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    job = job_with(25, days_ago=100)
    begun = retention.sweep(rows.host(), PLENTY)
    assert next(begun) == 10
    # The beginning goes before the end.
    assert job.lines.first().number == 11
    assert left(job) == (15, 10)
    assert sweep(PLENTY) == [10, 5]
    assert left(job) == (0, 25)
