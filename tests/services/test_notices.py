"""Of which jobs somebody is told, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from containers.choices import JobState, Via
from containers.models import Job
from containers.services import notices
from containers.services.notices import Unread
from tests.support import rows

pytestmark = pytest.mark.django_db


def job(user: User | None, state: JobState = JobState.SUCCEEDED, *, via: Via = Via.WEB, days_ago: float = 0, **more: Any) -> Job:
    ended = None if state in (JobState.RUNNING, JobState.QUEUED) else timezone.now() - timedelta(days=days_ago)
    return Job.objects.create(host=rows.host(), operation="start", state=state, user=user, via=via, ended_at=ended, **more)


def unread(user: User) -> list[int]:
    return [job.pk for job in notices.unread(user)]


def test_only_ones_own_jobs_that_ended_are_told(operator: User, viewer: User) -> None:
    mine = job(operator)
    for other in (job(viewer), job(None, JobState.FAILED, via=Via.BOOT), job(operator, JobState.RUNNING)):
        assert other.pk not in unread(operator)
    assert unread(operator) == [mine.pk]


def test_what_went_well_is_told_for_a_day_and_what_went_wrong_until_it_is_read(operator: User) -> None:
    job(operator, days_ago=1.1)
    failed = job(operator, JobState.FAILED, days_ago=400)
    new = job(operator, JobState.CANCELLED, days_ago=0.9)
    assert unread(operator) == [new.pk, failed.pk]
    assert notices.count_unread(operator) == Unread(2, 1)


def test_a_script_is_told_of_failures_only(operator: User) -> None:
    job(operator, via=Via.API)
    wrong = [job(operator, state, via=Via.API).pk for state in (JobState.FAILED, JobState.ERRORED, JobState.LOST)]
    assert unread(operator) == wrong[::-1]


def test_reading_is_ones_own_affair(operator: User, viewer: User) -> None:
    mine, other, running = job(operator), job(viewer, JobState.FAILED), job(operator, JobState.RUNNING)
    assert notices.mark_read(operator, [mine.pk, other.pk, running.pk, 0, 2**70]) == 1
    assert (unread(operator), unread(viewer)) == ([], [other.pk])
    running.refresh_from_db()
    assert running.read_at is None
    assert notices.mark_read(operator) == 0


def test_the_bell_costs_one_query(operator: User, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        job(operator, JobState.FAILED)
    with django_assert_num_queries(1):
        assert notices.count_unread(operator) == Unread(5, 5)
