"""Apps of repositories on the pages: beside the images, in the catalogue with their source, on the pages of what is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from containers.domain.entries import AppEntry
from containers.models import Event, Installation, Job, Repository
from tests.support import exports, rows
from tests.support.apps import fetched, installed, write
from tests.support.html import Element, parse
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db

LATER = "2026-02-01T00:00:00Z"


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "CATALOG_DIRS", [tmp_path])
    rows.layer()
    return tmp_path


@pytest.fixture
def note() -> Iterator[Path]:
    with fetched() as folder:
        yield folder


def team(*entries: AppEntry) -> Repository:
    return exports.row("team", apps=exports.index().model_copy(update={"apps": entries}).app_rows())


def main(response: Any) -> Element:
    return parse(response).one("main")


def rows_of(client: Client) -> list[list[str]]:
    table = main(client.get("/repositories/team/")).one("section", aria_labelledby="apps")
    return [[cell.text for cell in (*row.all("th"), *row.all("td"))][:3] for row in table.one("tbody").all("tr")]


def buttons(client: Client, path: str) -> set[str]:
    return {button.text for button in main(client.get(path)).all("button")}


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({}, "no"),
        ({"sha256": "a" * 64}, "Here"),
        ({"version": "2.0", "created": LATER}, "Newer version here: 1.0"),
        ({"version": "0.9", "created": "2026-01-01T00:00:00Z"}, "older than what is here here: 1.0"),
    ],
)
def test_apps_stand_beside_images_with_what_the_catalogue_has(client: Client, entry: dict[str, str], word: str) -> None:
    team(exports.app_entry(**entry))
    if word == "no":
        assert rows_of(client) == [["noteNote: Keeps a note", "1.0", "no"]]
        assert "Fetch note" in buttons(client, "/repositories/team/")
        return
    with fetched():
        assert rows_of(client) == [["noteNote: Keeps a note", entry.get("version", "1.0"), word]]
        assert ("Fetch note" in buttons(client, "/repositories/team/")) == word.startswith("Newer")


def test_a_name_that_is_another_apps_is_not_fetched(client: Client, catalog: Path) -> None:
    team(exports.app_entry())
    write(catalog)
    assert rows_of(client)[0][2] == "The name is another app's"
    response = client.post("/repositories/team/fetch-app/", {"app": "note"}, follow=True)
    assert "There is an app note in the catalogue already, of this host" in main(response).text
    assert not Job.objects.exists()


def test_an_app_is_fetched(client: Client) -> None:
    team(exports.app_entry())
    response = client.post("/repositories/team/fetch-app/", {"app": "note"})
    job = Job.objects.get()
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.operation, job.targets, job.inputs) == ("catalogue-fetch", ["note"], {"repository": "team"})
    assert Event.objects.filter(kind="catalogue.fetch", subject="note").exists()
    response = client.post("/repositories/team/fetch-app/", {"app": "../x"}, follow=True)
    assert "There is no app ../x in the repository team" in main(response).text


def test_the_catalogue_says_where_an_app_is_from_and_what_is_new(client: Client, note: Path) -> None:
    team(exports.app_entry(version="2.0", created=LATER))
    assert "from team" in main(client.get("/apps/")).text
    assert "New version 2.0 in its repository" in main(client.get("/apps/")).text
    page = main(client.get("/apps/note/"))
    source = page.one("section", aria_labelledby="app-source")
    assert [code.text for code in source.all("code")] == ["https://images.example.org/a", exports.PUBLIC]
    assert source.one("a", href="/repositories/team/").text == "team"
    assert {"Remove", "Publish", "Fetch 2.0"} <= buttons(client, "/apps/note/")
    installed("blog")
    assert "2.0 is in team" in main(client.get("/installations/blog/")).text


def test_a_repository_that_is_somebody_elses_by_now_has_nothing_new(client: Client, note: Path) -> None:
    row = team(exports.app_entry(version="2.0", created=LATER))
    Repository.objects.filter(pk=row.pk).update(public_key="b" * 64)
    assert "New version" not in main(client.get("/apps/")).text
    Repository.objects.all().delete()
    assert "team, which is not known here any more" in main(client.get("/apps/note/")).text


def test_an_own_app_is_published_and_withdrawn(client: Client, catalog: Path) -> None:
    write(catalog)
    assert "A folder of this host" in main(client.get("/apps/note/")).text
    client.post("/apps/note/publish/")
    assert Job.objects.get().operation == "catalogue-publish"
    assert client.post("/apps/note/withdraw/").status_code == 404
    with exports.own() as directory:
        exports.publish(directory, exports.index().model_copy(update={"apps": (exports.app_entry(),)}))
        assert "Withdraw note" in buttons(client, "/repositories/own/")
        assert "Publish again" in buttons(client, "/apps/note/")
        client.post("/apps/note/withdraw/")
    assert Job.objects.latest("id").operation == "catalogue-withdraw"
    assert {"catalogue.publish", "catalogue.withdraw"} <= set(Event.objects.values_list("kind", flat=True))


def test_a_fetched_app_is_removed_unless_it_is_installed(client: Client, note: Path) -> None:
    installed("blog")
    response = client.post("/apps/note/remove/", follow=True)
    assert "note is installed as blog" in main(response).text
    assert not Job.objects.filter(operation="catalogue-remove").exists()
    Installation.objects.all().delete()
    client.post("/apps/note/remove/")
    assert Job.objects.filter(operation="catalogue-remove", targets=["note"]).exists()


def test_a_viewer_sees_sources_and_no_buttons(note: Path, viewer: User) -> None:
    team(exports.app_entry(version="2.0", created=LATER))
    as_viewer = signed_in(viewer)
    assert "Signed by" in main(as_viewer.get("/apps/note/")).text
    assert not {"Remove", "Publish", "Fetch 2.0"} & buttons(as_viewer, "/apps/note/")
    for path in ("/apps/note/publish/", "/apps/note/remove/", "/apps/note/withdraw/", "/repositories/team/fetch-app/"):
        assert as_viewer.post(path).status_code == 403


@pytest.mark.parametrize("apps", [{"a": 1}, [{"name": "../x"}], "x" * 10])
def test_a_row_that_was_changed_behind_the_forms_back_shows_nothing(client: Client, apps: Any) -> None:
    exports.row("team", "debian:12", apps=apps)
    text = main(client.get("/repositories/team/")).text
    assert "None was found at the last look." in text
    assert "debian" in text
