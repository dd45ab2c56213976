"""Files that are sent, on a file system of four megabytes: what does not fit is refused, and nothing of it stays."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.test import Client

from containers.errors import HostError
from containers.models import Job
from containers.services import uploads
from tests.api.conftest import Api
from tests.support.people import admin
from tests.support.signing import sign_in

__all__ = ["admin"]

pytestmark = pytest.mark.django_db

FITS, TOO_LARGE = 3_000_000, 8_000_000


@pytest.fixture(autouse=True)
def disk(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = str(settings.MEDIA_ROOT)
    settings.MEDIA_ROOT.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", settings.MEDIA_ROOT], check=True)
    yield settings.MEDIA_ROOT
    subprocess.run(["umount", settings.MEDIA_ROOT], check=True)


def archive(length: int) -> SimpleUploadedFile:
    return SimpleUploadedFile("layer.tar", bytes(length))


def send(user: User, length: int) -> Any:
    api = Api(user)
    return api.client.post("/api/v1/layers/", {"name": "large", "archive": archive(length)}, headers=api.headers)


def test_what_fits_is_kept(admin: User, disk: Path) -> None:
    assert send(admin, FITS).status_code == 202
    assert [path.stat().st_size for path in disk.iterdir()] == [FITS]


def test_what_does_not_fit_is_refused_by_the_api(admin: User, disk: Path) -> None:
    answer = send(admin, TOO_LARGE)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert answer.json()["message"].startswith("There is no room for 7.6 MiB")
    assert list(disk.iterdir()) == []
    assert not Job.objects.exists()


def test_and_by_a_page(admin: User, disk: Path) -> None:
    page = sign_in(Client(), admin).post("/add-layer/", {"name": "large", "archive": archive(TOO_LARGE)})
    assert page.status_code == 413
    assert "There is no room for 7.6 MiB" in page.content.decode()
    assert list(disk.iterdir()) == []


def test_a_disk_that_runs_full_meanwhile_keeps_nothing(admin: User, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "require_room", lambda request: None)
    answer = send(admin, TOO_LARGE)
    assert (answer.status_code, answer.json()["code"]) == (503, "host")
    assert answer.json()["message"].startswith("The file cannot be kept: No space left on device")
    assert list(disk.iterdir()) == []


def test_a_small_file_on_a_full_disk_keeps_nothing(disk: Path) -> None:
    (disk / "other").write_bytes(bytes(4_000_000))
    with pytest.raises(HostError, match="No space left on device"), uploads.kept(archive(1_000_000)):
        raise AssertionError
    assert [path.name for path in disk.iterdir()] == ["other"]


def test_who_is_not_signed_in_writes_nothing_to_the_disk(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TemporaryFileUploadHandler, "new_file", lambda *args, **named: pytest.fail("something is written"))
    for path in ("/sign-in/", "/add-layer/", "/containers/"):
        answer = Client(enforce_csrf_checks=True).post(path, {"name": "large", "archive": archive(FITS)})
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in/")
    for path in ("/api/v1/layers/", "/api/v1/containers/", "/api/v1/nothing/"):
        assert Client(enforce_csrf_checks=True).post(path, {"archive": archive(FITS)}).status_code in (401, 404)
    assert list(disk.iterdir()) == []
