"""/apps/ and /installations/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from containers.models import Installation, Job
from tests.api.conftest import Api
from tests.support import rows
from tests.support.apps import write

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


def test_a_restore_takes_one_source(api: Api) -> None:
    assert api.post("/installations/restore/", {"name": "blog", "backup": "blog-1.tar"}).status_code == 202
    assert api.post("/installations/restore/", {"name": "blog"}).status_code == 422
    assert api.post("/installations/restore/", {"name": "blog", "backup": "../x.tar"}).status_code == 422
    rows.installation("wiki")
    assert api.post("/installations/restore/", {"name": "wiki", "path": "/srv/x.tar"}).status_code == 422


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
