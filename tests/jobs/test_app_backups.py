"""Backups by themselves, and what the right to install an app is worth to the worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from containers.choices import JobState, Via
from containers.domain import signature
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.errors import InvalidRequest
from containers.host import app_backups, backup_index
from containers.host.locks import Locks
from containers.jobs import reaper
from containers.jobs.cancel import CancelWatch
from containers.jobs.handlers import HANDLERS
from containers.jobs.journal import Journal
from containers.models import Backup, BackupSchedule, Event, Grant, Host, Job, Repository, Volume
from containers.services import app_requests, backup_schedules
from containers.services.actor import Actor
from tests.jobs.shop import PORT, SMALL, SYSTEM, Shop, ok
from tests.support import rows
from tests.support.backups import sign_anew, taken_apart

if TYPE_CHECKING:
    from tests.jobs.conftest import Panel

pytestmark = pytest.mark.lxc


@pytest.fixture
def anna(host: object) -> User:
    """May install the app note under names that begin with shop-."""
    person = rows.limited("anna", "shop-*")
    Grant.objects.create(user=person, right="install", pattern="shop-*", app="note")
    return person


@pytest.fixture
def spare(panel: Panel, layout: Layout, host: Host) -> Iterator[Backup]:
    """A backup of an installation that is gone, and its file."""
    row = keep(layout, host, "shop-1-20260101-030000-7.tar")
    yield row
    for path in layout.backups.iterdir():
        path.unlink()


def keep(layout: Layout, host: Host, file_name: str) -> Backup:
    (layout.backups / file_name).write_bytes(b"tar")
    values = {"installation": "shop-1", "app": "note", "version": "1.0", "size_bytes": 3}
    return Backup.objects.create(host=host, file_name=file_name, **values)


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


def backed_up(shop: Shop) -> Path:
    """An installation, and the file of its backup."""
    shop.write(SMALL)
    shop.installed()
    ok(shop.panel.run(app_requests.request_backup(SYSTEM, shop.row())))
    return shop.layout.backups / Backup.objects.get().file_name


def restore(shop: Shop, path: Path) -> Job:
    return shop.panel.run(app_requests.request_restore(SYSTEM, "copy", {"port": PORT + 1}, backup=path.name))


@pytest.mark.parametrize("where", ["hush-hush", "volumes/data.tar", '"version": "1.0"', '"sha256": "'])
def test_a_backup_with_one_byte_changed_is_refused_and_nothing_is_made(shop: Shop, where: str) -> None:
    path = backed_up(shop)
    content = bytearray(path.read_bytes())
    # The last one of them: of the password the one within the volume.
    position = content.rindex(where.encode()) + len(where) - 2
    content[position] ^= 1
    path.write_bytes(content)
    before = shop.state()
    job = restore(shop, path)
    assert (job.state, shop.state()) == (JobState.FAILED, before)
    assert "backup is not what was" in job.reason
    assert "SHA-256 of volumes/data.tar" in job.reason or where != "hush-hush"


def test_a_backup_says_who_has_signed_it(shop: Shop, layout: Layout) -> None:
    path = backed_up(shop)
    assert checked(restore(shop, path)) == "the backup: signed by this host"
    stranger = Ed25519PrivateKey.generate()
    sign_anew(path, stranger)
    public = signature.public_key_of(stranger)
    remove_copy(shop)
    assert checked(restore(shop, path)) == f"the backup: signed with the key {public}, which this host does not know"
    Repository.objects.create(host=shop.host, name="team", location="https://images.example.org/a", public_key=public)
    remove_copy(shop)
    assert checked(restore(shop, path)) == "the backup: signed by the publisher of team"


def test_a_backup_of_the_format_without_sums_is_restored_and_that_is_said(shop: Shop) -> None:
    path = backed_up(shop)
    members = taken_apart(path)
    header = json.loads(members[app_backups.HEADER]) | {"backup": 1}
    del header["source"]
    with path.open("wb") as stream:
        app_backups.write_header(stream, header)
        stream.write(backup_index.entry("volumes/data.tar", members["volumes/data.tar"]) + bytes(1024))
    assert "of format 1, which has no checksums" in checked(restore(shop, path))
    assert shop.read("installed", "copy-data").startswith("blog")


def test_the_volumes_of_a_restore_are_known_as_those_of_an_installation_are(shop: Shop) -> None:
    ok(restore(shop, backed_up(shop)))
    assert set(Volume.objects.values_list("name", "kind")) == {("blog-data", "directory"), ("copy-data", "directory")}
    remove_copy(shop)
    assert [row.name for row in Volume.objects.all()] == ["blog-data"]


def test_a_volume_that_was_kept_is_taken_as_it_is_in_place_of_the_backups(shop: Shop) -> None:
    path = backed_up(shop)
    shop.post("newer than the backup")
    ok(shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row())))
    given = {"password": "hush-hush", "port": PORT}
    with pytest.raises(InvalidRequest, match="there is a volume blog-data already: adopt it"):
        app_requests.request_restore(SYSTEM, "blog", given, backup=path.name)
    # Root asks again.
    forged = Job.objects.create(
        host=shop.host, operation="app-restore", targets=["blog"], inputs={"backup": path.name}, via=Via.SYSTEM
    )
    job = shop.panel.run(forged)
    assert (job.state, "there is a volume blog-data already: adopt it" in job.reason) == (JobState.FAILED, True)
    adopt = {"data": "blog-data"}
    shop.write(SMALL.replace('ready = "test -s /data/note"', 'ready = "false"\ntimeouts = { ready = 1 }'))
    ended = shop.panel.run(app_requests.request_restore(SYSTEM, "blog", given, adopt, backup=path.name))
    assert (ended.state, shop.read("post"), shop.panel.states()) == (JobState.FAILED, "newer than the backup", {})
    shop.write(SMALL)
    ended = shop.panel.run(app_requests.request_restore(SYSTEM, "blog", given, adopt, backup=path.name))
    ok(ended)
    assert (shop.read("post"), ended.steps.filter(action="restore").count()) == ("newer than the backup", 0)
    # It was there before, so it is not the installation's alone.
    assert shop.row().volumes.get().is_adopted


def checked(job: Job) -> str:
    ok(job)
    return job.steps.filter(action="check").order_by("number")[0].reason


def remove_copy(shop: Shop) -> None:
    ok(shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row("copy"), ["copy-data"])))


def test_one_backup_is_removed_on_record(panel: Panel, layout: Layout, host: Host, spare: Backup, anna: User) -> None:
    other = keep(layout, host, "shop-1-20260102-030000-8.tar")
    job = app_requests.request_backup_removal(Actor(anna, Via.WEB, None), spare)
    ok(panel.run(job))
    assert [path.name for path in layout.backups.iterdir()] == [other.file_name]
    assert list(Backup.objects.all()) == [other]
    gone = Event.objects.get(kind="backup.remove")
    assert (gone.subject, gone.user, gone.job, gone.data) == ("shop-1", anna, job, {"file": spare.file_name})
    assert [(step.action, step.reason) for step in job.steps.all()] == [("remove", f"backup {spare.file_name}")]


def test_who_lost_the_right_has_no_backup_removed(panel: Panel, layout: Layout, spare: Backup, anna: User) -> None:
    job = app_requests.request_backup_removal(Actor(anna, Via.WEB, None), spare)
    Grant.objects.filter(right="install").update(app="wiki")
    job = panel.run(job)
    assert (job.state, "You may not install note as shop-1" in job.reason) == (JobState.FAILED, True)
    assert (layout.backups / spare.file_name).exists()
    assert Backup.objects.get() == spare


@pytest.mark.parametrize(
    "targets",
    [[], ["a.tar", "b.tar"], [7], "a.tar", ["../precious.tar"], ["/etc/passwd"], [".."], ["sub/x.tar"], ["x.tar\n"], ["x"]],
)
def test_what_is_no_backup_is_not_removed(panel: Panel, layout: Layout, make_job: Callable[..., Job], targets: Any) -> None:
    precious = layout.backups.parent / "precious.tar"
    precious.write_bytes(b"kept")
    job = make_job("backup-remove")
    Job.objects.filter(pk=job.pk).update(targets=targets)
    assert panel.run(job).state == JobState.FAILED
    assert not job.steps.exists()
    assert precious.read_bytes() == b"kept"
    precious.unlink()


def test_a_backup_that_is_being_restored_is_locked(panel: Panel, layout: Layout, host: Host, spare: Backup) -> None:
    long = keep(layout, host, f"{'a' * 40}-20260101-030000-12345678.tar")
    restore = app_requests.request_restore(SYSTEM, "shop-2", backup=long.file_name)
    removal = Job.objects.create(host=host, operation="backup-remove", targets=[long.file_name], via=Via.SYSTEM)
    # Whatever a restore locks is what its handler says.
    names = HANDLERS[restore.operation](restore, Journal(restore), CancelWatch(restore)).scope()
    with Locks(settings.RUN_DIR).try_acquire(names, f"job {restore.pk}"):
        assert panel.run(removal).state == JobState.WAITING
        assert (layout.backups / long.file_name).exists()
    ok(panel.run(removal))
    assert not (layout.backups / long.file_name).exists()


def test_a_removal_that_fails_keeps_the_row_and_one_that_was_lost_is_done_again(
    panel: Panel, layout: Layout, host: Host, spare: Backup
) -> None:
    path = layout.backups / spare.file_name
    path.unlink()
    path.mkdir()
    failed = panel.run(app_requests.request_backup_removal(SYSTEM, spare))
    assert (failed.state, "the backup cannot be removed: Is a directory" in failed.reason) == (JobState.FAILED, True)
    assert Backup.objects.get() == spare
    path.rmdir()
    lost = Job.objects.create(host=host, operation="backup-remove", targets=[spare.file_name], via=Via.WEB, state="running")
    assert reaper.reap(host) == [lost]
    again = Job.objects.latest("pk")
    assert (again.operation, again.targets) == ("backup-remove", [spare.file_name])
    ok(panel.run(again))
    assert not Backup.objects.exists()
