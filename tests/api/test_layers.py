"""/layers/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from containers.choices import ContainerState
from containers.models import Job, Layer
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = str(settings.MEDIA_ROOT)
    settings.IMPORT_DIRS = (Path("/srv"),)
    settings.MEDIA_ROOT.mkdir()
    return Path(settings.MEDIA_ROOT)


NEW = {"digest": None, "source": "import", "origin": "", "used_by": [], "images": [], "ways_back": []}


def upload(api: Api, **fields: Any) -> Any:
    return api.client.post("/api/v1/layers/", fields, headers=api.headers)


def test_a_layer_is_imported_from_the_server(api: Api) -> None:
    response = api.post("/layers/", {"name": "deb", "path": "/srv/deb.tar"})
    job = Job.objects.get()
    assert (response.status_code, response.json(), response["Location"]) == (202, {"job": job.pk}, f"/api/v1/jobs/{job.pk}/")
    assert (job.operation, job.targets, job.inputs) == ("layer-import", ["deb"], {"path": "/srv/deb.tar"})
    body = api.get("/layers/deb/").json()
    assert body.pop("created_at")
    assert body == {"name": "deb", "available": False, "size": None, **NEW, "origin": "/srv/deb.tar"}


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_layer_is_uploaded(api: Api, uploads: Path, size: int) -> None:
    response = upload(api, name="deb", archive=SimpleUploadedFile("../x.tar", b"x" * size))
    assert response.status_code == 202
    assert {path.name: path.stat().st_size for path in uploads.iterdir()} == {Job.objects.get().inputs["upload"]: size}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "deb"}, "path"),
        ({"name": "../x", "path": "/srv/x"}, "name"),
        ({"name": "deb", "path": "/etc/shadow"}, "path"),
        ({"name": "deb", "path": "/srv/../etc/shadow"}, "path"),
        ({"name": "deb", "path": 1}, "path"),
        ({"name": "deb", "path": "/srv/x", "upload": "0" * 32}, "upload"),
    ],
)
def test_bad_imports_are_refused_by_field(api: Api, body: Any, field: str) -> None:
    response = api.post("/layers/", body)
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert not Layer.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "deb"}, "archive"),
        ({"archive": b"x"}, "name"),
        ({"name": "deb", "archive": b"x", "more": "1"}, "more"),
        ({"name": "../deb", "archive": b"x"}, "name"),
        ({"name": "deb", "archive": "text"}, "archive"),
    ],
)
def test_bad_uploads_are_refused_by_field_and_leave_nothing(api: Api, uploads: Path, fields: Any, field: str) -> None:
    values = {key: SimpleUploadedFile("x", value) if isinstance(value, bytes) else value for key, value in fields.items()}
    response = upload(api, **values)
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert list(uploads.iterdir()) == []


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x"]
)
def test_broken_forms_are_refused(api: Api, content_type: str) -> None:
    response = api.post("/layers/", data=b"--y\r\nnonsense", content_type=content_type)
    assert response.status_code in (400, 422)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff"])
def test_broken_bodies_are_refused(api: Api, data: bytes) -> None:
    assert api.post("/layers/", data=data).status_code == 400


def test_a_taken_name_is_a_conflict(api: Api) -> None:
    rows.layer("deb")
    assert api.post("/layers/", {"name": "deb", "path": "/srv/x"}).status_code == 409


def test_layers_are_listed_with_their_users(api: Api) -> None:
    rows.container("b")
    rows.container("a")
    rows.image("debian:12", layers=("base",))
    rows.image("debian:11", layers=("base",))
    rows.layer("top")
    Layer.objects.filter(name="base").update(size_bytes=5, digest="d" * 64, source="oci", origin="docker.io/debian")
    body = api.get("/layers/").json()
    for item in body["results"]:
        del item["created_at"]
    assert body == {
        "count": 2,
        "next": None,
        "results": [
            {
                "name": "base",
                "available": True,
                "size": 5,
                "digest": "d" * 64,
                "source": "oci",
                "origin": "docker.io/debian",
                "used_by": ["a", "b"],
                "images": ["debian:11", "debian:12"],
                "ways_back": [],
            },
            {"name": "top", "available": True, "size": None, **NEW},
        ],
    }


def test_a_layer_is_removed_unless_used(api: Api) -> None:
    rows.container("a")
    rows.layer("top")
    used = api.delete("/layers/base/")
    assert (used.status_code, used.json()["message"]) == (409, "The layer base is used by a")
    rows.image(layers=("stacked",))
    used = api.delete("/layers/stacked/")
    assert (used.status_code, used.json()["message"]) == (409, "The layer stacked is used by image debian:12")
    assert api.delete("/layers/top/").status_code == 202
    assert (Job.objects.latest("id").operation, Job.objects.latest("id").targets) == ("layer-remove", ["top"])


@pytest.mark.parametrize("name", ["other", "..", "%00", "A", "x" * 1000])
def test_what_does_not_exist_is_not_found(api: Api, name: str) -> None:
    assert api.get(f"/layers/{name}/").status_code == 404
    assert api.delete(f"/layers/{name}/").status_code == 404


def test_what_a_container_wrote_is_kept(api: Api) -> None:
    rows.container("web", state=ContainerState.RUNNING)
    response = api.post("/containers/web/commit/", {"layer": "mine", "image": "shop"})
    job = Job.objects.get(operation="layer-commit")
    assert (response.status_code, response.json()) == (202, {"job": job.pk})
    assert (job.targets, job.inputs) == (["web"], {"layer": "mine", "image": "shop:latest"})
    assert api.get("/layers/mine/").json()["source"] == "commit"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "layer"),
        ({"layer": "../x"}, "layer"),
        ({"layer": "x", "image": "a:"}, "image"),
        ({"layer": "x", "path": "/"}, "path"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(api: Api, body: Any, field: str) -> None:
    rows.container("web", state=ContainerState.RUNNING)
    response = api.post("/containers/web/commit/", body)
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert not Job.objects.filter(operation="layer-commit").exists()


def test_nothing_is_kept_of_a_container_that_is_stopped(api: Api) -> None:
    rows.container("web")
    response = api.post("/containers/web/commit/", {"layer": "mine"})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
