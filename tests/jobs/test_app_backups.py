"""Backups by themselves, and what the right to install an app is worth to the worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from containers.choices import JobState, Via
from containers.domain.states import Operation
from containers.models import Backup, BackupSchedule, Event, Grant, Job
from containers.services import app_requests, backup_schedules
from containers.services.actor import Actor
from tests.jobs.shop import PORT, SMALL, SYSTEM, Shop, ok
from tests.support import rows

pytestmark = pytest.mark.lxc


@pytest.fixture
def anna(host: object) -> User:
    """May install the app note under names that begin with shop-."""
    person = rows.limited("anna", "shop-*")
    Grant.objects.create(user=person, right="install", pattern="shop-*", app="note")
    return person


def due(shop: Shop) -> Job:
    """The backup that the monitor asks for, run."""
    BackupSchedule.objects.update(due_at=timezone.now() - timedelta(days=3))
    assert backup_schedules.run_due(shop.host) == 1
    return shop.panel.run(Job.objects.latest("pk"))


def test_backups_by_themselves_are_kept_up_to_a_number_and_removed_on_record(shop: Shop) -> None:
    shop.write(SMALL)
    row = shop.installed()
    ok(shop.panel.run(app_requests.request_backup(SYSTEM, row)))
    backup_schedules.set_schedule(SYSTEM, row, {"every": "daily", "kept": 1, "freeze": True})
    first, second = due(shop), due(shop)
    ok(first)
    ok(second)
    kept = {backup.file_name for backup in Backup.objects.all()}
    assert kept == {path.name for path in shop.layout.backups.iterdir()}
    # The one that was made by hand, and the last.
    assert (len(kept), Backup.objects.filter(is_scheduled=True).count()) == (2, 1)
    gone = Event.objects.get(kind="backup.remove")
    assert (gone.subject, gone.job) == ("blog", second)
    assert f"-{first.pk}.tar" in str(gone.data)
    assert any(step.action == "remove" and f"-{first.pk}.tar" in step.reason for step in second.steps.all())


def test_who_lost_the_right_gets_no_more_backups(shop: Shop, anna: User) -> None:
    shop.write(SMALL)
    row = shop.installed("shop-1")
    backup_schedules.set_schedule(Actor(anna, Via.WEB, None), row, {"every": "daily"})
    ok(due(shop))
    Grant.objects.filter(right="install").delete()
    job = due(shop)
    assert (job.state, "You may not install note as shop-1" in job.reason) == (JobState.FAILED, True)
    anna.delete()
    job = due(shop)
    assert (job.state, "the account anna is gone" in job.reason) == (JobState.FAILED, True)
    assert shop.panel.states() == {"shop-1-web": "RUNNING"}


@pytest.mark.parametrize("operation", [Operation.APP_UNINSTALL, Operation.APP_BACKUP, Operation.APP_UPDATE])
def test_a_forged_job_of_who_may_only_some_is_refused(shop: Shop, anna: User, operation: Operation) -> None:
    shop.write(SMALL)
    shop.installed()
    before = shop.state()
    job = Job.objects.create(host=shop.host, operation=operation, targets=["blog"], user=anna, via=Via.WEB)
    assert shop.panel.run(job).state == JobState.FAILED
    assert "You may not install note as blog" in job.reason
    assert shop.state() == before


def test_a_backup_of_another_app_is_refused_when_it_is_read(shop: Shop, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write(SMALL)
    row = shop.installed("shop-1")
    ok(shop.panel.run(app_requests.request_backup(SYSTEM, row)))
    name = Backup.objects.get().file_name
    job = app_requests.request_restore(Actor(anna, Via.WEB, None), "shop-2", {"port": PORT + 1}, backup=name)
    Grant.objects.filter(right="install").update(app="wiki")
    job = shop.panel.run(job)
    assert (job.state, "You may not install note as shop-2" in job.reason) == (JobState.FAILED, True)
    assert set(shop.panel.states()) == {"shop-1-web"}


def test_a_volume_of_somebody_else_in_a_forged_row_is_refused(shop: Shop, anna: User) -> None:
    shop.write(SMALL)
    shop.installed()
    ok(shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row())))
    given: dict[str, Any] = {"port": PORT + 1}
    job = app_requests.request_install(Actor(anna, Via.WEB, None), shop.app(), "shop-1", given)
    shop.row("shop-1").volumes.update(name="blog-data", is_adopted=True)
    job = shop.panel.run(job)
    assert (job.state, "You may not take over volume blog-data" in job.reason) == (JobState.FAILED, True)
    assert shop.read("installed").startswith("blog")
