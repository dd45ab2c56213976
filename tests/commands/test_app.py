"""Apps by command: lists, checks, and asks for what the services know."""

from __future__ import annotations

import shutil
import tarfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from containers.domain.origin import Source
from containers.host import app_backups
from containers.models import Backup, Host, Installation, InstallationVersion, Job, Layer
from containers.services import hosts, installations
from tests.support import exports, rows
from tests.support.apps import MANIFEST, fetched, installed, keep, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    host = Host.objects.get_or_create(name=settings.HOST)[0]
    Layer.objects.create(host=host, name="base", is_available=True)
    write(tmp_path)
    return tmp_path


def app(*words: str) -> str:
    stream = StringIO()
    call_command("app", *words, stdout=stream, stderr=stream, no_color=True)
    return stream.getvalue()


def test_a_folder_is_checked_with_file_and_line(catalog: Path) -> None:
    assert app("check", str(catalog / "note")) == "note 1.0 is in order\n"
    write(catalog, MANIFEST.replace('title = "Note"', 'headline = "Note"'))
    with pytest.raises(CommandError) as caught:
        app("check", str(catalog / "note"))
    assert str(caught.value).splitlines() == ["app.toml:1 title: is required", "app.toml:4 headline: is not a known key"]


def test_an_installation_is_asked_for_with_answers_of_a_file(tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('text = "hi"\nport = 18099\n')
    output = app("--no-wait", "install", "note", "--as", "blog", "--answers", str(answers), "--answer", "text=ho")
    row = Installation.objects.get()
    assert (row.name, row.answers) == ("blog", {"text": "ho", "port": 18099})
    assert f"password: {installations.answers_of(row)['password']}" in output
    assert Job.objects.get().inputs == {"app": "note", "answers": {"text": "ho", "port": 18099}}
    assert "  blog               1.0        note, installing" in app("list").splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["install", "nothing", "--as", "x"], "There is no app nothing"),
        (["install", "note", "--as", "X"], "name: must start with a letter"),
        (["install", "note", "--as", "x", "--answer", "port=0"], "answers.port: must be a port"),
        (["install", "note", "--as", "x", "--answer", "port"], "write NAME=VALUE"),
        (["install", "note", "--as", "x", "--answers", "/nowhere"], "No such file"),
        (["update", "x"], "There is no installation x"),
        (["back", "x"], "There is no installation x"),
        (["uninstall", "x", "--volumes"], "There is no installation x"),
        (["backup", "x", "/nowhere/x.tar"], "There is no installation x"),
        (["restore", "/nowhere", "--as", "x"], "No such file"),
    ],
)
def test_what_is_refused_ends_the_command(words: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        app("--no-wait", *words)
    assert not Job.objects.exists()


def test_a_refused_backup_leaves_no_upload(tmp_path: Path) -> None:
    Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)
    before: Any = sorted(Path(settings.MEDIA_ROOT).iterdir())
    (tmp_path / "x.tar").write_bytes(b"x")
    with pytest.raises(CommandError, match="name"):
        app("--no-wait", "restore", str(tmp_path / "x.tar"), "--as", "Not A Name")
    assert sorted(Path(settings.MEDIA_ROOT).iterdir()) == before


def test_nothing_is_stopped_for_a_backup_that_cannot_be_put_there(tmp_path: Path) -> None:
    installed()
    with pytest.raises(CommandError, match="nowhere: no file can be made there"):
        app("backup", "blog", str(tmp_path / "nowhere" / "x.tar"))
    assert not Job.objects.filter(operation="app-backup").exists()


def test_a_version_from_somebody_else_is_said_and_has_to_be_wanted(catalog: Path, settings: Any) -> None:
    settings.DATA_DIR = catalog / "data"
    (catalog / "data").mkdir()
    keep(installed(), Source(origin=None))
    shutil.rmtree(catalog / "note")
    with fetched(MANIFEST.replace('version = "1.0"', 'version = "2.0"')):
        said = app("update", "blog", "--dry-run").splitlines()
        assert said[:2] == ["from 1.0 to 2.0", "from the repository team, and what is installed is from this host"]
        with pytest.raises(CommandError, match="say team if it may be"):
            app("--no-wait", "update", "blog")
        app("--no-wait", "update", "blog", "--source", "team")
    assert last() == ("app-update", ["blog"], {"source": "team"})


def test_a_backup_comes_back_under_its_own_name(tmp_path: Path) -> None:
    Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)
    (tmp_path / app_backups.HEADER).write_text('{"backup": 1, "app": "note", "version": "1.0", "installation": "journal"}')
    with tarfile.open(tmp_path / "journal.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(tmp_path / app_backups.HEADER, app_backups.HEADER)
    with pytest.raises(CommandError, match=r"adopt\.data: there is no volume kept on the host"):
        app("--no-wait", "restore", str(tmp_path / "journal.tar"), "--adopt", "data=kept")
    assert not list(Path(settings.MEDIA_ROOT).iterdir())
    rows.volume("kept")
    app("--no-wait", "restore", str(tmp_path / "journal.tar"), "--adopt", "data=kept", "--source", "own")
    job = Job.objects.get()
    given = {key: job.inputs[key] for key in ("adopt", "source")}
    assert (job.operation, job.targets, given) == ("app-restore", ["journal"], {"adopt": {"data": "kept"}, "source": "own"})
    (Path(settings.MEDIA_ROOT) / job.inputs["upload"]).unlink()


def test_an_empty_secret_is_not_printed(catalog: Path) -> None:
    write(catalog, MANIFEST.replace('label = "Password"', 'label = "Password"\nrequired = false'))
    assert "password" not in app("--no-wait", "install", "note", "--as", "blog")


def test_an_update_is_only_said(catalog: Path) -> None:
    installed()
    text = MANIFEST.replace('version = "1.0"', 'version = "2.0"').replace("/usr/bin/httpd -f", "/usr/bin/httpd -f -v")
    write(catalog, text)
    assert app("update", "blog", "--dry-run").splitlines()[:2] == ["from 1.0 to 2.0", "container db changes"]
    assert not Job.objects.filter(operation="app-update").exists()


def test_the_way_back_and_the_schedule() -> None:
    row = installed()
    InstallationVersion.objects.create(installation=row, version="0.9")
    assert "next at " in app("schedule", "blog", "daily", "--hour", "5", "--keep", "2")
    app("--no-wait", "forget", "blog")
    assert Job.objects.latest("pk").operation == "app-forget"
    assert "no more by itself" in app("schedule", "blog", "never")


def test_a_backup_is_removed_by_its_name() -> None:
    values = {"installation": "blog", "app": "note", "version": "1.0", "size_bytes": 1}
    Backup.objects.create(host=hosts.current(), file_name="blog-1.tar", **values)
    for name in ("blog-2.tar", "../blog-1.tar"):
        with pytest.raises(CommandError, match="There is no backup"):
            app("--no-wait", "remove-backup", name)
    app("--no-wait", "remove-backup", "blog-1.tar")
    assert last() == ("backup-remove", ["blog-1.tar"], {})


def test_apps_travel_by_command(catalog: Path) -> None:
    app("--no-wait", "publish", "note")
    assert last() == ("catalogue-publish", ["note"], {})
    newer = exports.app_entry(name="wiki", version="2.0", created="2026-02-01T00:00:00Z")
    exports.row("team", apps=[newer.model_dump(mode="json")])
    app("--no-wait", "fetch", "team", "wiki")
    assert last() == ("catalogue-fetch", ["wiki"], {"repository": "team"})
    with fetched(MANIFEST.replace('name = "note"', 'name = "wiki"', 1), name="wiki"):
        assert "wiki                 1.0        Note: Keeps a note, from team, which has 2.0" in app("list")
        app("--no-wait", "remove", "wiki")
    assert last() == ("catalogue-remove", ["wiki"], {})
    with pytest.raises(CommandError, match="the repository has no app note"):
        app("--no-wait", "withdraw", "note")
    with pytest.raises(CommandError, match="note is one of this host's own apps"):
        app("--no-wait", "remove", "note")


def last() -> tuple[str, list[str], dict[str, str]]:
    job = Job.objects.latest("id")
    return job.operation, job.targets, job.inputs
