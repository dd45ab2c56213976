"""The right to install, held on one app or on installations of some names."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from containers.catalog import apps
from containers.choices import Cancel, JobState, MountKind, Via
from containers.domain.rights import Scope
from containers.errors import Conflict, Forbidden, InvalidRequest
from containers.models import Backup, Grant, Installation, Job, Volume
from containers.services import access, app_requests, hosts
from containers.services import jobs as job_service
from containers.services.actor import Actor
from tests.support import rows
from tests.support.apps import MANIFEST, installed, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    write(tmp_path)
    write(tmp_path, MANIFEST.replace('name = "note"', 'name = "wiki"', 1), name="wiki")
    rows.layer()
    return tmp_path


@pytest.fixture
def anna() -> User:
    """May see containers called shop-…, and install the app note under such names."""
    person = rows.limited("anna", "shop-*")
    Grant.objects.create(user=person, right="install", pattern="shop-*", app="note")
    return person


@pytest.fixture
def actor(anna: User) -> Actor:
    return Actor(anna, Via.WEB, None)


def install(actor: Actor, app: str, name: str, **more: str) -> Job:
    return app_requests.request_install(actor, apps.find(app), name, {}, more)


@pytest.mark.parametrize(
    ("scope", "app", "name", "covered"),
    [
        (Scope(), "note", "x", True),
        (Scope("*", "note"), "note", "x", True),
        (Scope("*", "note"), "wiki", "note", False),
        (Scope("shop-*"), "wiki", "shop-1", True),
        (Scope("shop-*", "note"), "note", "blog", False),
        (Scope("shop-*", "note"), "note", None, True),
        (Scope("shop-*", "note"), "wiki", None, False),
    ],
)
def test_a_scope_is_an_app_and_a_pattern_of_names(scope: Scope, app: str, name: str | None, covered: bool) -> None:
    assert scope.covers_installation(app, name) is covered


def test_only_this_app_under_such_names(actor: Actor) -> None:
    for app, name in (("wiki", "shop-1"), ("note", "blog")):
        with pytest.raises(Forbidden, match=f"You may not install {app} as {name}"):
            install(actor, app, name)
    assert install(actor, "note", "shop-1").targets == ["shop-1"]


def test_a_grant_to_install_is_nothing_without_sight() -> None:
    person = User.objects.create_user("blind")
    Grant.objects.create(user=person, right="install", pattern="*", app="note")
    assert not access.may_install(person, "note", "x")


def test_what_somebody_kept_is_not_taken_over(actor: Actor) -> None:
    Volume.objects.create(host=hosts.current(), name="theirs", kind=MountKind.DIRECTORY)
    with pytest.raises(Forbidden, match="You may not take over volume theirs"):
        install(actor, "note", "shop-1", data="theirs")


def test_keeping_up_takes_the_right_to_this_installation(actor: Actor) -> None:
    own, other = installed("shop-1"), installed("blog")
    assert app_requests.request_backup(actor, own).targets == ["shop-1"]
    for ask in (app_requests.request_update, app_requests.request_uninstall, app_requests.request_backup):
        with pytest.raises(Forbidden, match="You may not install note as blog"):
            ask(actor, other)  # type: ignore[operator]


def test_what_would_be_stopped_counts(actor: Actor) -> None:
    own = installed("shop-1")
    rows.container("needy", depends=["shop-1-web"])
    with pytest.raises(Forbidden, match="You may not start or stop containers"):
        app_requests.request_backup(actor, own)


def test_a_backup_is_restored_by_who_may_have_it(actor: Actor) -> None:
    for name in ("shop-1", "blog"):
        values = {"installation": name, "app": "note", "version": "1.0", "size_bytes": 1}
        Backup.objects.create(host=hosts.current(), file_name=f"{name}-1.tar", **values)
    assert app_requests.request_restore(actor, "shop-2", backup="shop-1-1.tar").targets == ["shop-2"]
    with pytest.raises(Forbidden):
        app_requests.request_restore(actor, "shop-3", backup="blog-1.tar")
    with pytest.raises(Forbidden):
        app_requests.request_restore(actor, "other", backup="shop-1-1.tar")
    with pytest.raises(Forbidden):
        app_requests.request_restore(actor, "shop-3", path="/srv/backup.tar")
    with pytest.raises(InvalidRequest):
        app_requests.request_restore(actor, "shop-3", backup="none-1.tar")


def test_who_may_install_only_some_takes_over_no_volume_with_a_backup(actor: Actor) -> None:
    rows.volume("blog-data")
    values = {"installation": "shop-1", "app": "note", "version": "1.0", "size_bytes": 1}
    row = Backup.objects.create(host=hosts.current(), file_name="shop-1-1.tar", **values)
    with pytest.raises(Forbidden, match="You may not take over volume blog-data"):
        app_requests.request_restore(actor, "shop-2", adopt={"data": "blog-data"}, backup=row.file_name)
    assert not Job.objects.exists()


def test_a_backup_is_removed_by_who_may_have_it_and_not_while_it_is_restored(actor: Actor) -> None:
    own, other = (
        Backup.objects.create(
            host=hosts.current(), file_name=f"{name}-1.tar", installation=name, app="note", version="1.0", size_bytes=1
        )
        for name in ("shop-1", "blog")
    )
    with pytest.raises(Forbidden, match="You may not install note as blog"):
        app_requests.request_backup_removal(actor, other)
    restore = app_requests.request_restore(actor, "shop-2", backup=own.file_name)
    with pytest.raises(Conflict, match=f"Job {restore.pk} is at the backup shop-1-1.tar already"):
        app_requests.request_backup_removal(actor, own)
    Job.objects.update(state=JobState.SUCCEEDED)
    job = app_requests.request_backup_removal(actor, own)
    assert (job.operation, job.targets, job.inputs) == ("backup-remove", ["shop-1-1.tar"], {})
    with pytest.raises(Conflict, match=f"Job {job.pk} is at the backup"):
        app_requests.request_backup_removal(actor, own)
    assert job_service.cancel(actor, job, Cancel.NEXT).state == JobState.CANCELLED
    assert job_service.retry(actor, job).targets == ["shop-1-1.tar"]


@pytest.mark.parametrize("targets", [["blog-1.tar"], ["gone-1.tar"], [], "x", [{}]])
def test_a_removal_of_somebody_elses_backup_is_neither_repeated_nor_cancelled(actor: Actor, targets: object) -> None:
    values = {"installation": "blog", "app": "note", "version": "1.0", "size_bytes": 1}
    Backup.objects.create(host=hosts.current(), file_name="blog-1.tar", **values)
    job = Job.objects.create(host=hosts.current(), operation="backup-remove", targets=targets, via=Via.WEB)
    for do in (job_service.retry, lambda who, what: job_service.cancel(who, what, Cancel.NOW)):
        with pytest.raises(Forbidden):
            do(actor, job)


def test_jobs_of_others_are_neither_repeated_nor_cancelled(actor: Actor, admin: User) -> None:
    job = app_requests.request_backup(Actor(admin, Via.WEB, None), installed("blog"))
    for do in (job_service.retry, lambda who, what: job_service.cancel(who, what, job_service.Cancel.NOW)):
        with pytest.raises(Forbidden):
            do(actor, job)
    Installation.objects.all().delete()
    with pytest.raises(Forbidden):
        job_service.retry(actor, job)
