"""Images that others have made, and base systems: asked for, and refused with the field that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from containers.models import Job, Layer
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db
ALL = {"suite": "sid", "variant": "important", "packages": ["vim"], "mirror": "http://m/", "tool": "debootstrap"}
PATHS = ("/images/import/", "/images/pull/", "/layers/bootstrap/")


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = str(settings.MEDIA_ROOT)
    settings.IMPORT_DIRS = (Path("/srv"),)
    settings.MEDIA_ROOT.mkdir()
    return Path(settings.MEDIA_ROOT)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/images/import/", {"image": "web:1", "path": "/srv/x"}, ("image-import", ["web:1"], {"path": "/srv/x"})),
        (
            "/images/import/",
            {"image": "web", "path": "/srv/x", "pick": "a:b"},
            ("image-import", ["web:latest"], {"path": "/srv/x", "pick": "a:b"}),
        ),
        ("/images/pull/", {"reference": "x.org/a/web:2"}, ("image-pull", ["web:2"], {"reference": "x.org/a/web:2"})),
        ("/images/pull/", {"reference": "web", "image": "mine:3"}, ("image-pull", ["mine:3"], {"reference": "web"})),
        ("/layers/bootstrap/", {"name": "deb"}, ("layer-bootstrap", ["deb"], {})),
        (
            "/layers/bootstrap/",
            {
                "name": "deb",
                "suite": "sid",
                "variant": "important",
                "packages": ["vim"],
                "mirror": "http://m/",
                "tool": "debootstrap",
            },
            ("layer-bootstrap", ["deb"], ALL),
        ),
    ],
)
def test_a_job_is_queued(api: Api, path: str, body: dict[str, Any], expected: tuple[str, list[str], dict[str, Any]]) -> None:
    response = api.post(path, body)
    job = Job.objects.get()
    assert (response.status_code, response.json(), response["Location"]) == (202, {"job": job.pk}, f"/api/v1/jobs/{job.pk}/")
    assert (job.operation, job.targets, job.inputs) == expected


def test_an_uploaded_image_is_kept_for_the_worker(api: Api, uploads: Path) -> None:
    archive = SimpleUploadedFile("x.tar", b"tar")
    response = api.client.post("/api/v1/images/import/", {"image": "web", "archive": archive, "pick": "a"}, headers=api.headers)
    assert response.status_code == 202
    assert [path.read_bytes() for path in uploads.iterdir()] == [b"tar"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/images/import/", {"image": "web"}, "path"),
        ("/images/import/", {"path": "/srv/x"}, "image"),
        ("/images/import/", {"image": "../x", "path": "/srv/x"}, "image"),
        ("/images/import/", {"image": "web", "path": "/etc/shadow"}, "path"),
        ("/images/import/", {"image": "web", "path": "/srv/x", "more": 1}, "more"),
        ("/images/pull/", {}, "reference"),
        ("/images/pull/", {"reference": "-x"}, "reference"),
        ("/images/pull/", {"reference": 5}, "reference"),
        ("/images/pull/", {"reference": "a", "image": "A"}, "image"),
        ("/layers/bootstrap/", {}, "name"),
        ("/layers/bootstrap/", {"name": "../x"}, "name"),
        ("/layers/bootstrap/", {"name": "deb", "suite": "--help"}, "suite"),
        ("/layers/bootstrap/", {"name": "deb", "packages": ["vim", "-b"]}, "packages.1"),
        ("/layers/bootstrap/", {"name": "deb", "mirror": "http://u:p@x/"}, "mirror"),
    ],
)
def test_what_is_wrong_is_named(api: Api, path: str, body: dict[str, Any], field: str) -> None:
    response = api.post(path, body)
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert (Job.objects.count(), Layer.objects.count()) == (0, 0)


@pytest.mark.parametrize("path", PATHS)
def test_the_viewer_may_not(viewer: User, path: str) -> None:
    assert Api(viewer).post(path, {}).status_code == 403
