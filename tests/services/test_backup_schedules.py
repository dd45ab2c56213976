"""Backups by themselves: due once, in the name of who wanted them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from containers.choices import InstallationState, JobState, Via
from containers.errors import Forbidden, InvalidRequest
from containers.models import BackupSchedule, Event, Installation, Job
from containers.services import app_requests, backup_schedules, hosts
from containers.services.actor import Actor
from tests.support import rows
from tests.support.apps import installed, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    write(tmp_path)
    rows.layer()
    return installed()


@pytest.fixture
def actor(operator: User) -> Actor:
    return Actor(operator, Via.WEB, "10.0.0.1")


def run(days_later: int = 0) -> list[Job]:
    """What is queued when the monitor looks next, so many days after what is due now."""
    before = set(Job.objects.values_list("pk", flat=True))
    if days_later:
        BackupSchedule.objects.update(due_at=timezone.now() - timedelta(days=days_later))
    backup_schedules.run_due(hosts.current())
    return list(Job.objects.exclude(pk__in=before))


def test_what_is_due_is_asked_for_in_the_name_of_who_wanted_it(row: Installation, actor: Actor) -> None:
    backup_schedules.set_schedule(actor, row, {"every": "daily", "freeze": True})
    assert run() == []
    (job,) = run(days_later=1)
    assert (job.operation, job.targets, job.user) == ("app-backup", ["blog"], actor.user)
    assert job.inputs == {"freeze": True, "scheduled": True}
    schedule = backup_schedules.find(row)
    assert schedule is not None
    assert schedule.due_at is not None
    assert schedule.due_at > timezone.now()


def test_what_was_missed_often_is_made_once(row: Installation, actor: Actor) -> None:
    backup_schedules.set_schedule(actor, row, {"every": "daily"})
    assert len(run(days_later=30)) == 1
    assert run() == []


def test_it_waits_for_what_is_being_done_to_the_installation(row: Installation, actor: Actor) -> None:
    backup_schedules.set_schedule(actor, row, {"every": "weekly", "weekday": 3})
    app_requests.request_backup(actor, row)
    assert run(days_later=1) == []
    Job.objects.update(state=JobState.SUCCEEDED)
    Installation.objects.update(state=InstallationState.UPDATING)
    assert run() == []
    Installation.objects.update(state=InstallationState.INSTALLED)
    assert len(run()) == 1


def test_an_account_that_is_gone_stays_the_one_that_asks(row: Installation, actor: Actor) -> None:
    backup_schedules.set_schedule(actor, row, {"every": "daily"})
    name = actor.user_name
    User.objects.all().delete()
    (job,) = run(days_later=1)
    assert (job.user, job.user_name, job.via) == (None, name, Via.WEB)


def test_it_is_changed_and_ended_on_record(row: Installation, actor: Actor) -> None:
    backup_schedules.set_schedule(actor, row, {"every": "daily", "kept": 2})
    backup_schedules.set_schedule(actor, row, {"every": "never"})
    assert backup_schedules.find(row) is None
    assert run(days_later=1) == []
    assert Event.objects.filter(kind="setting.change", subject="blog").count() == 2


def test_who_may_not_is_refused_and_what_is_wrong_too(row: Installation, actor: Actor, viewer: User) -> None:
    with pytest.raises(Forbidden):
        backup_schedules.set_schedule(Actor(viewer, Via.WEB, None), row, {"every": "daily"})
    with pytest.raises(InvalidRequest):
        backup_schedules.set_schedule(actor, row, {"every": "hourly"})


def test_a_row_that_somebody_spoiled_keeps_no_other_from_its_turn(row: Installation, actor: Actor) -> None:
    backup_schedules.set_schedule(actor, row, {"every": "daily"})
    BackupSchedule.objects.update(hour=99)
    backup_schedules.set_schedule(actor, installed("wiki"), {"every": "daily"})
    assert [job.targets for job in run(days_later=1)] == [["wiki"]]
