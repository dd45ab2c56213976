"""/repositories/ and /exports/: known ones, what they offer, what is fetched, what is exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from containers.models import Job, Repository
from tests.api.conftest import Api
from tests.support import exports, rows

pytestmark = pytest.mark.django_db

TEAM = {"name": "team", "location": "https://images.example.org/a", "public_key": exports.PUBLIC}


@pytest.fixture
def own() -> Iterator[Path]:
    with exports.own("debian:12") as directory:
        yield directory


def offer(here: str) -> dict[str, Any]:
    return {**exports.index(exports.entry("debian:12")).rows()[0], "here": here}


def test_repositories_are_listed_and_shown(api: Api) -> None:
    exports.row("team", "debian:12")
    row = {**TEAM, "serial": 7, "checked_at": None}
    assert api.get("/repositories/").json() == {"count": 1, "next": None, "results": [row]}
    assert api.get("/repositories/team/").json() == {**row, "images": [offer("new")], "apps": []}
    rows.image("debian:12")
    assert api.get("/repositories/team/").json()["images"] == [offer("differs")]


def test_the_own_one_is_shown_under_its_name(api: Api, own: Path) -> None:
    rows.image("debian:12")
    assert api.get("/repositories/own/").json() == {
        "name": "own",
        "location": str(settings.DATA_DIR / "repository"),
        "public_key": exports.PUBLIC,
        "serial": 7,
        "checked_at": None,
        "images": [offer("here")],
        "apps": [],
    }


def test_before_the_first_export_it_is_empty(api: Api) -> None:
    shown = api.get("/repositories/own/").json()
    assert (shown["public_key"], shown["serial"], shown["images"]) == ("", None, [])


def test_one_is_added(api: Api) -> None:
    response = api.post("/repositories/", {**TEAM, "location": "https://images.example.org/a/"})
    assert response.status_code == 201
    assert response.json() == {**TEAM, "serial": None, "checked_at": None, "job": Job.objects.get().pk}
    again = api.post("/repositories/", TEAM)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "own"}, "name"),
        ({"name": 5}, "name"),
        ({"location": "file:///etc"}, "location"),
        ({"location": "/etc"}, "location"),
        ({"public_key": "0"}, "public_key"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_wrong_is_named(api: Api, changes: dict[str, Any], field: str) -> None:
    response = api.post("/repositories/", TEAM | changes)
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert not Repository.objects.exists()


def test_one_is_refreshed_and_forgotten(api: Api) -> None:
    exports.row("team")
    response = api.post("/repositories/team/refresh/")
    assert (response.status_code, response.json()) == (202, {"job": Job.objects.get().pk})
    assert api.delete("/repositories/team/").status_code == 204
    assert api.delete("/repositories/team/").status_code == 404


def test_the_own_one_is_neither_refreshed_nor_forgotten(api: Api, own: Path) -> None:
    assert api.post("/repositories/own/refresh/").status_code == 409
    assert api.delete("/repositories/own/").status_code == 409


def test_an_image_is_fetched(api: Api) -> None:
    exports.row("team", "debian:12")
    response = api.post("/repositories/team/fetch/", {"image": "debian:12"})
    job = Job.objects.get()
    assert (response.status_code, response.json()) == (202, {"job": job.pk})
    assert (job.operation, job.targets, job.inputs) == ("image-fetch", ["debian:12"], {"repository": "team"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"image": "debian:13"}, 404),
        ({"image": "../x"}, 422),
        ({"image": 5}, 422),
        ({}, 422),
        ({"image": "debian:12", "x": 1}, 422),
    ],
)
def test_what_cannot_be_fetched_is_refused(api: Api, body: dict[str, Any], status: int) -> None:
    exports.row("team", "debian:12")
    assert api.post("/repositories/team/fetch/", body).status_code == status
    assert not Job.objects.exists()


def test_an_image_is_exported_and_its_file_sent_and_removed(api: Api, own: Path) -> None:
    rows.image("debian:12")
    assert api.post("/images/debian/export/").status_code == 202
    for name in ("debian", "debian:12"):
        response = api.get(f"/exports/{name}/", headers={"Range": "bytes=3-"})
        assert (response.status_code, b"".join(response.streaming_content)) == (206, b"tent")
    assert api.delete("/exports/debian:12/").status_code == 202
    assert set(Job.objects.values_list("operation", flat=True)) == {"image-export", "export-remove"}
    for method in ("GET", "DELETE"):
        assert api(method, "/exports/debian:13/").status_code == 404
    assert api.post("/images/other/export/").status_code == 404


def test_more_images_need_no_more_queries(api: Api, django_assert_max_num_queries: Any) -> None:
    exports.row("a", "debian:1")
    exports.row("b", *(f"debian:{number}" for number in range(10)))
    with django_assert_max_num_queries(10) as few:
        api.get("/repositories/a/")
    with django_assert_max_num_queries(len(few)):
        api.get("/repositories/b/")
