"""/apps/, /installations/ and /backups/."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from containers.domain.origin import Source
from containers.models import Backup, Event, Grant, Installation, InstallationVersion, Job
from containers.services import hosts
from tests.api.conftest import Api
from tests.support import exports, rows
from tests.support.apps import MANIFEST, fetched, installed, keep, write
from tests.support.sessions import session_server

__all__ = ["session_server"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    write(tmp_path)
    rows.layer("base")


def new(**more: Any) -> dict[str, Any]:
    return {"app": "note", "name": "blog", "answers": {"password": "hush-hush"}, **more}


def test_the_catalogue(api: Api) -> None:
    (app,) = api.get("/apps/").json()["results"]
    assert (app["name"], app["version"], [question["name"] for question in app["questions"]]) == (
        "note",
        "1.0",
        ["text", "password", "port"],
    )
    assert api.get("/apps/note/").json() == app
    assert api.get("/apps/nothing/").status_code == 404


def test_a_preview_makes_nothing(api: Api) -> None:
    found = api.post("/apps/note/preview/", new()).json()
    assert list(found["containers"]) == ["blog-db", "blog-web"]
    assert found["plan"]["steps"][0] == {"container": "", "action": "build", "reason": "image app-note-web:1.0"}
    assert "hush" not in str(found)
    assert not Installation.objects.exists()


@pytest.mark.parametrize("answer", [{"a": 1}, ["x"], None, 1.5])
def test_an_answer_of_another_kind_is_one_error(api: Api, answer: object) -> None:
    found = api.post("/installations/", new(answers={"text": answer}))
    assert (found.status_code, found.json()["errors"]) == (
        422,
        [{"field": "answers.text", "message": "must be text, a whole number, true or false"}],
    )


def test_an_installation_is_asked_for_and_shown_without_secrets(api: Api) -> None:
    answer = api.post("/installations/", new())
    job = Job.objects.get()
    assert (answer.status_code, answer.json(), job.operation) == (202, {"job": job.pk}, "app-install")
    found = api.get("/installations/blog/").json()
    assert (found["state"], found["volumes"], found["answers"]) == (
        "installing",
        {"data": "blog-data"},
        {"text": "hello", "port": 18080},
    )
    assert found["ports"] == [{"port": 18080, "container": "blog-web", "container_port": 80, "title": ""}]
    assert "hush" not in str(found) + str(api.get(f"/jobs/{job.pk}/").json()) + str(api.get("/installations/").json())


def test_what_is_wrong_is_named(api: Api) -> None:
    answer = api.post("/installations/", new(name="blog", answers={"port": 0, "x": 1}))
    assert answer.status_code == 422
    assert answer.json()["field"] == "answers.x"
    assert "answers.port" in answer.content.decode()
    assert api.post("/installations/", new(more=1)).status_code == 422


def test_jobs_on_an_installation(api: Api) -> None:
    rows.installation("blog", app="note")
    assert api.post("/installations/blog/back/").status_code == 409
    assert api.post("/installations/blog/backup/", {"freeze": True}).status_code == 202
    # One job at a time.
    assert api.post("/installations/blog/update/").status_code == 409
    Job.objects.all().delete()
    assert api.post("/installations/blog/update/", {"answers": {"text": "x"}}).status_code == 202
    Job.objects.all().delete()
    assert api.delete("/installations/blog/?volumes=true").status_code == 202
    assert api.get("/installations/nothing/").status_code == 404


def backup(name: str = "blog") -> Backup:
    values = {"installation": name, "app": "note", "version": "1.0", "size_bytes": 3}
    return Backup.objects.create(host=hosts.current(), file_name=f"{name}-1.tar", **values)


def test_a_restore_takes_one_source(api: Api) -> None:
    backup()
    assert api.post("/installations/restore/", {"name": "blog", "backup": "blog-1.tar"}).status_code == 202
    assert api.post("/installations/restore/", {"name": "blog"}).status_code == 422
    assert api.post("/installations/restore/", {"name": "blog", "backup": "../x.tar"}).status_code == 422
    rows.installation("wiki")
    assert api.post("/installations/restore/", {"name": "wiki", "path": "/srv/x.tar"}).status_code == 422


def test_a_restore_takes_volumes_that_are_there(api: Api) -> None:
    backup()
    given = {"name": "blog", "backup": "blog-1.tar", "adopt": {"data": "kept"}}
    refused = api.post("/installations/restore/", given)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "adopt.data")
    rows.volume("kept")
    assert api.post("/installations/restore/", given).status_code == 202
    assert Job.objects.get().inputs == {"backup": "blog-1.tar", "adopt": {"data": "kept"}}


def test_a_restore_says_where_the_app_may_be_from(api: Api) -> None:
    backup()
    assert api.post("/installations/restore/", {"name": "blog", "backup": "blog-1.tar", "source": "../x"}).status_code == 422
    assert api.post("/installations/restore/", {"name": "blog", "backup": "blog-1.tar", "source": "own"}).status_code == 202
    assert Job.objects.get().inputs == {"backup": "blog-1.tar", "source": "own"}


def test_a_backup_that_is_sent_comes_with_answers_and_volumes(api: Api, settings: Any, tmp_path: Path) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = settings.MEDIA_ROOT = str(tmp_path)
    rows.volume("kept")

    def send(**texts: str) -> int:
        archive = SimpleUploadedFile("x.tar", b"tar")
        return int(upload(api, name="blog", archive=archive, **texts).status_code)

    assert send(answers="{") == 400
    assert send(answers='["x"]') == 422
    assert send(adopt='{"data": 3}') == 422
    assert send(answers='{"port": 18099}', adopt='{"data": "kept"}', source="team") == 202
    found = Job.objects.get().inputs
    assert (found["adopt"], found["source"], set(found)) == ({"data": "kept"}, "team", {"adopt", "sealed", "source", "upload"})


def upload(api: Api, **data: Any) -> HttpResponse:
    return api.client.post("/api/v1/installations/restore/", data, headers=api.headers)


def test_a_list_costs_the_same_for_ten_and_twenty(api: Api) -> None:
    counts = []
    # The first request with a token writes that it was used.
    api.get("/installations/")
    for number in range(20):
        rows.installation(f"app-{number}")
        if number in {9, 19}:
            with CaptureQueriesContext(connection) as found:
                assert len(api.get("/installations/").json()["results"]) == number + 1
            counts.append(len(found))
    assert counts[0] == counts[1]


def test_an_update_from_somebody_else_names_its_source(api: Api, settings: Any, tmp_path: Path) -> None:
    row = installed()
    assert api.get("/installations/blog/").json()["source"] is None
    settings.DATA_DIR = tmp_path / "data"
    (tmp_path / "data").mkdir()
    keep(row, Source(origin=None))
    assert api.get("/installations/blog/").json()["source"] == "own"
    assert api.get("/installations/blog/update/").json()["source"] is None
    shutil.rmtree(tmp_path / "note")
    with fetched(MANIFEST.replace('version = "1.0"', 'version = "2.0"')):
        said = {"before": "own", "after": "team", "other_key": False}
        assert api.get("/installations/blog/update/").json()["source"] == said
        refused = api.post("/installations/blog/update/", {})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "source")
        assert api.post("/installations/blog/update/", {"source": "../x"}).status_code == 422
        assert api.post("/installations/blog/update/", {"source": "team"}).status_code == 202
    assert Job.objects.get(operation="app-update").inputs == {"source": "team"}


def test_an_update_is_shown_before_it_is_made(api: Api, tmp_path: Path) -> None:
    installed()
    text = MANIFEST.replace('version = "1.0"', 'version = "2.0"').replace('default = "hello"', 'default = "hello"\nhelp = "x"')
    write(tmp_path, text.replace("/usr/bin/httpd -f", "/usr/bin/httpd -f -v"))
    found = api.get("/installations/blog/update/").json()
    assert (found["before"], found["after"], found["new_questions"], found["gone_questions"]) == ("1.0", "2.0", [], [])
    assert "-f -v" in str(found["changes"])
    assert not Job.objects.filter(operation="app-update").exists()


def test_the_way_back_is_given_up(api: Api) -> None:
    row = installed()
    assert api.post("/installations/blog/forget/").status_code == 409
    InstallationVersion.objects.create(installation=row, version="0.9")
    assert api.get("/installations/blog/").json()["previous"] == "0.9"
    assert api.post("/installations/blog/forget/").status_code == 202
    InstallationVersion.objects.update(is_given_up=True)
    assert api.get("/installations/blog/").json()["previous"] is None


def test_backups_by_themselves(api: Api, operator: User) -> None:
    installed()
    found = api("PUT", "/installations/blog/schedule/", {"every": "weekly", "weekday": 5, "hour": 4}).json()["schedule"]
    assert found.pop("next") is not None
    assert found == {
        "every": "weekly",
        "hour": 4,
        "weekday": 5,
        "kept": 7,
        "freeze": False,
        "user": operator.get_username(),
    }
    assert api("PUT", "/installations/blog/schedule/", {"every": "weekly", "hour": 24}).status_code == 422
    assert api("PUT", "/installations/blog/schedule/", {"every": "never"}).json()["schedule"] is None


@pytest.mark.usefixtures("session_server")
def test_a_backup_is_downloaded_on_record_by_who_has_the_right(
    api: Api, viewer: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups/blog-1.tar").write_bytes(b"tar")
    backup()
    response = api.get("/backups/blog-1.tar/")
    assert (response.status_code, response.getvalue()) == (200, b"tar")
    assert response.headers["Content-Disposition"] == 'attachment; filename="blog-1.tar"'
    assert Event.objects.get(kind="backup.download").subject == "blog"
    for name in ("blog-2.tar", "..%2fblog-1.tar", "x"):
        assert api.get(f"/backups/{name}/").status_code == 404
    assert Api(viewer).get("/backups/blog-1.tar/").status_code == 403
    Grant.objects.create(user=viewer, right="install", pattern="wiki", app="note")
    assert Api(viewer).get("/backups/blog-1.tar/").status_code == 403
    (tmp_path / "backups/blog-1.tar").unlink()
    assert api.get("/backups/blog-1.tar/").status_code == 404


def test_a_backup_is_removed_by_who_has_the_right(api: Api, viewer: User) -> None:
    backup()
    for name in ("blog-2.tar", "..%2fblog-1.tar", "x"):
        assert api.delete(f"/backups/{name}/").status_code == 404
    Grant.objects.create(user=viewer, right="install", pattern="wiki", app="note")
    assert Api(viewer).delete("/backups/blog-1.tar/").status_code == 403
    assert not Job.objects.filter(operation="backup-remove").exists()
    response = api.delete("/backups/blog-1.tar/")
    assert (response.status_code, response.json()["job"]) == (202, Job.objects.get(operation="backup-remove").pk)
    assert api.delete("/backups/blog-1.tar/").status_code == 409


def test_who_may_only_some_sees_and_changes_only_these(api: Api) -> None:
    installed()
    installed("shop-1")
    limited = Api(rows.limited("anna", "shop-*", "install"))
    assert [row["name"] for row in limited.get("/installations/").json()["results"]] == ["shop-1"]
    assert limited.get("/installations/blog/").status_code == 404
    assert limited.post("/installations/blog/backup/").status_code == 404
    assert limited.post("/installations/shop-1/backup/").status_code == 202
    assert limited.post("/installations/", new(name="other")).status_code == 403


def test_an_app_says_where_it_is_from_and_is_fetched_published_and_removed(api: Api) -> None:
    newer = exports.app_entry(name="third", version="2.0", created="2026-02-01T00:00:00Z")
    exports.row("team", apps=[newer.model_dump(mode="json")])
    offered = {**newer.model_dump(mode="json"), "here": "new"}
    with fetched(MANIFEST.replace('name = "note"', 'name = "other"', 1), name="other"):
        assert api.get("/repositories/team/").json()["apps"] == [offered]
        assert api.post("/repositories/team/fetch/", {"app": "third"}).status_code == 202
        assert Job.objects.latest("id").operation == "catalogue-fetch"
        assert api.post("/repositories/team/fetch/", {"app": "third", "image": "debian:12"}).status_code == 422
        assert api.post("/repositories/team/fetch/", {}).status_code == 422
        shown = api.get("/apps/other/").json()
        assert (shown["source"]["repository"], shown["source"]["public_key"], shown["newer"]) == ("team", exports.PUBLIC, None)
        assert api.delete("/apps/other/").status_code == 202
        assert Job.objects.latest("id").operation == "catalogue-remove"
    assert api.get("/apps/note/").json()["source"] is None
    assert api.delete("/apps/note/").status_code == 409
    assert api.post("/apps/note/publish/").status_code == 202
    assert api.post("/apps/note/withdraw/").status_code == 404
