"""Who an installed app is from stays with it: a version from somebody else is taken only when that was said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.catalog import apps
from containers.choices import JobState, Via
from containers.domain.origin import NewPublisher, Publisher, Source
from containers.domain.states import Operation
from containers.errors import InvalidRequest
from containers.models import Backup, Job
from containers.services import app_publishers, app_requests
from tests.jobs.shop import PORT, SMALL, SMALL_NEXT, SYSTEM, Shop, ok
from tests.support import exports
from tests.support.apps import fetched
from tests.support.backups import header_of, sign_anew

pytestmark = pytest.mark.lxc

TEAM = Publisher("team", exports.PUBLIC)


@pytest.fixture
def moved(shop: Shop) -> Iterator[Shop]:
    """An installed app of the host's own, whose name is an app of a repository by now, in another version."""
    shop.write(SMALL)
    shop.installed()
    shutil.rmtree(shop.catalog / "note")
    with fetched(SMALL_NEXT):
        yield shop


def test_a_version_from_somebody_else_is_refused_until_it_is_said(moved: Shop) -> None:
    row = moved.row()
    assert app_publishers.of(row) == Publisher()
    assert app_requests.update_of(row).source == NewPublisher(Publisher(), TEAM)
    for wrong in ("", "own", "others"):
        with pytest.raises(InvalidRequest, match="blog is from this host, and Note 2.0 is from the repository team: say team"):
            app_requests.request_update(SYSTEM, row, source=wrong)
    ok(moved.panel.run(app_requests.request_update(SYSTEM, row, source="team")))
    assert (moved.row().version, app_publishers.of(moved.row())) == ("2.0", TEAM)
    # From there on that is where it is from.
    assert app_requests.update_of(moved.row()).source is None
    ok(moved.panel.run(app_requests.request_back(SYSTEM, moved.row())))
    assert (moved.row().version, app_publishers.of(moved.row())) == ("1.0", Publisher())


def test_root_asks_again(moved: Shop) -> None:
    before = moved.state()
    job = Job.objects.create(host=moved.host, operation=Operation.APP_UPDATE, targets=["blog"], via=Via.SYSTEM)
    ended = moved.panel.run(job)
    assert (ended.state, "say team if it may be" in ended.reason) == (JobState.FAILED, True)
    assert moved.state() == before


def test_another_key_of_a_repository_of_the_same_name_is_somebody_else(shop: Shop) -> None:
    shutil.rmtree(shop.catalog / "note")
    with fetched(SMALL):
        shop.installed()
    with fetched(SMALL_NEXT, public_key="b" * 64):
        found = app_requests.update_of(shop.row()).source
        assert found == NewPublisher(TEAM, Publisher("team", "b" * 64))
        assert found.is_new_key
        with pytest.raises(InvalidRequest, match="signed with another key"):
            app_requests.request_update(SYSTEM, shop.row())
    # What is installed is kept, with who it is from: also where the catalogue has lost it.
    ok(shop.update(text="x"))
    assert app_publishers.of(shop.row()) == TEAM


def test_of_what_was_installed_before_it_was_recorded_nothing_is_said(moved: Shop) -> None:
    (moved.layout.kept_app("blog", moved.row().kept) / ".source.json").unlink()
    assert app_publishers.of(moved.row()) is None
    ok(moved.update())
    assert app_publishers.of(moved.row()) == TEAM


@pytest.fixture
def team_backup(shop: Shop) -> Iterator[Path]:
    """The backup of an app of a repository, which the catalogue still has from there."""
    shutil.rmtree(shop.catalog / "note")
    with fetched(SMALL):
        shop.installed()
        ok(shop.panel.run(app_requests.request_backup(SYSTEM, shop.row())))
        path = shop.layout.backups / Backup.objects.get().file_name
        yield path
    path.unlink()


def restore(shop: Shop, path: Path, source: str = "") -> Job:
    return shop.panel.run(app_requests.request_restore(SYSTEM, "copy", {"port": PORT + 1}, source=source, backup=path.name))


def checked(job: Job) -> str:
    ok(job)
    return job.steps.filter(action="check").order_by("number")[0].reason


def test_a_backup_says_where_its_app_is_from_and_what_is_restored_is_from_there(shop: Shop, team_backup: Path) -> None:
    source = Source.validate_as(header_of(team_backup)["source"], field="source")
    assert (source.publisher, header_of(team_backup)["backup"]) == (TEAM, 3)
    said = "its app is from the repository team at https://images.example.org/a"
    assert checked(restore(shop, team_backup)) == f"the backup: signed by this host; {said}"
    assert app_publishers.of(shop.row("copy")) == TEAM


def test_what_is_here_from_elsewhere_gets_no_backup_until_that_is_said(shop: Shop, team_backup: Path) -> None:
    shutil.rmtree(apps.fetched() / "team")
    shop.write(SMALL)
    before = shop.state()
    for wrong in ("", "team"):
        ended = restore(shop, team_backup, wrong)
        assert (ended.state, shop.state()) == (JobState.FAILED, before)
        assert f"blog is from the repository team at https://images.example.org/a, with the key {TEAM.key}" in ended.reason
        assert "Note 1.0 of this host's catalogue is from this host: say own if it may be" in ended.reason
    ok(restore(shop, team_backup, "own"))
    # From now on it is what was taken.
    assert app_publishers.of(shop.row("copy")) == Publisher()
    (apps.fetched() / "team").mkdir()


def test_what_is_not_here_is_said_with_where_it_is_from(shop: Shop, team_backup: Path) -> None:
    folder = apps.fetched() / "team" / "note"
    folder.rename(folder.with_name("other"))
    ended = restore(shop, team_backup)
    assert ended.state == JobState.FAILED
    assert f"from the repository team at https://images.example.org/a, with the key {TEAM.key}" in ended.reason


def test_who_is_not_known_may_claim_what_he_likes_and_gains_nothing(shop: Shop, team_backup: Path) -> None:
    claim = header_of(team_backup)["source"]["origin"]
    stranger = Ed25519PrivateKey.generate()
    # Of somebody else: it asks, and does not say that it is so.
    sign_anew(team_backup, stranger, source={"origin": {**claim, "public_key": "b" * 64}})
    ended = restore(shop, team_backup)
    assert (ended.state, "blog is said to be from the repository team at" in ended.reason) == (JobState.FAILED, True)
    # Of who it is here: what is recorded is what root knows, not what the backup says.
    sign_anew(team_backup, stranger, source={"origin": {**claim, "repository": "bait", "serial": 1}})
    assert "does not know; it says that its app is from the repository bait" in checked(restore(shop, team_backup))
    known = app_publishers.source_of(shop.row("copy"))
    assert known == app_publishers.source_of(shop.row())
    assert (known.origin.repository, known.origin.serial) == ("team", 7) if known and known.origin else False


@pytest.mark.parametrize("claim", [7, {}, {"origin": {"repository": "own"}}, {"origin": None, "more": 1}])
def test_a_source_that_is_none_is_refused(shop: Shop, team_backup: Path, claim: object) -> None:
    sign_anew(team_backup, Ed25519PrivateKey.generate(), source=claim)
    ended = restore(shop, team_backup)
    assert (ended.state, "backup.source" in ended.reason) == (JobState.FAILED, True)


def test_a_changed_source_is_a_changed_backup(shop: Shop, team_backup: Path) -> None:
    team_backup.write_bytes(team_backup.read_bytes().replace(TEAM.key.encode(), b"b" * 64))
    ended = restore(shop, team_backup)
    assert (ended.state, "The backup is not what was written" in ended.reason) == (JobState.FAILED, True)


def test_a_backup_of_the_format_without_a_source_is_restored(shop: Shop, team_backup: Path) -> None:
    claim = header_of(team_backup)["source"]
    sign_anew(team_backup, Ed25519PrivateKey.generate(), backup=2, source=claim)
    assert "the format 2 has no source" in restore(shop, team_backup).reason
    sign_anew(team_backup, Ed25519PrivateKey.generate(), source=...)
    assert "its app is" not in checked(restore(shop, team_backup))
    assert app_publishers.of(shop.row("copy")) == TEAM
