"""Layers asked for and removed; uploads kept for the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile

from containers.errors import Conflict, Forbidden, InvalidRequest
from containers.models import Event, Job, Layer
from containers.services import layers
from tests.support import rows
from tests.support.rows import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def uploads(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = str(settings.MEDIA_ROOT)
    settings.IMPORT_DIRS = (Path("/srv"), Path("/opt/images"))
    settings.MEDIA_ROOT.mkdir()
    return Path(settings.MEDIA_ROOT)


def test_an_import_takes_the_name_at_once(operator: User) -> None:
    job = layers.request_import(rows.actor(operator), "deb.12", path="/srv/deb.tar.xz")
    assert (job.operation, job.targets, job.inputs) == ("layer-import", ["deb.12"], {"path": "/srv/deb.tar.xz"})
    assert job.containers.count() == 0
    layer = Layer.objects.get()
    assert (layer.name, layer.is_available) == ("deb.12", False)
    assert set(Event.objects.values_list("kind", "subject")) == {("job.queue", "deb.12"), ("layer.import", "deb.12")}
    with pytest.raises(Conflict, match="There is a layer deb.12 already"):
        layers.request_import(ROOT, "deb.12", path="/srv/deb.tar.xz")


@pytest.mark.parametrize("name", ["", "..", "a/b", "-a", "A", "a:b", "a\n", "a" * 100, "é"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        layers.request_import(ROOT, name, path="/srv/x")
    assert caught.value.errors[0].field == "name"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "/etc/shadow",
        "/srv/../etc",
        "/srvx/y",
        "/srv//x",
        "/srv/x/",
        "/srv/./x",
        "/srv/a\nb",
        "/srv/\x00",
        "/srv/" + "x" * 5000,
    ],
)
def test_bad_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        layers.request_import(ROOT, "deb", path=path)
    assert caught.value.errors[0].field == "path"
    assert not Layer.objects.exists()


def test_there_is_one_source() -> None:
    for path, upload in ((None, None), ("/srv/x", "0" * 32)):
        with pytest.raises(InvalidRequest, match="a path or an archive, and not both"):
            layers.request_import(ROOT, "deb", path=path, upload=upload)


def test_a_small_upload_is_kept_under_a_generated_name(operator: User, uploads: Path) -> None:
    job = layers.request_import_of(rows.actor(operator), "deb", SimpleUploadedFile("../../etc/passwd", b"tar"))
    name = job.inputs["upload"]
    assert {path.name: path.read_bytes() for path in uploads.iterdir()} == {name: b"tar"}
    assert (uploads / name).stat().st_mode & 0o777 == 0o640


def test_a_large_upload_is_not_copied(operator: User, uploads: Path) -> None:
    upload = TemporaryUploadedFile("deb.tar", "application/x-tar", 3, None)
    upload.write(b"tar")
    upload.flush()
    inode = Path(upload.temporary_file_path()).stat().st_ino
    job = layers.request_import_of(rows.actor(operator), "deb", upload)
    upload.close()
    assert [(path.name, path.stat().st_ino) for path in uploads.iterdir()] == [(job.inputs["upload"], inode)]


def test_a_refused_upload_leaves_nothing(uploads: Path, stranger: User) -> None:
    rows.layer("deb")
    with pytest.raises(Conflict):
        layers.request_import_of(ROOT, "deb", SimpleUploadedFile("x", b"tar"))
    with pytest.raises(Forbidden):
        layers.request_import_of(rows.actor(stranger), "new", SimpleUploadedFile("x", b"tar"))
    assert list(uploads.iterdir()) == []
    assert not Job.objects.exists()


def test_a_layer_in_use_is_not_removed() -> None:
    rows.container("b")
    rows.container("a")
    with pytest.raises(Conflict, match="The layer base is used by a, b"):
        layers.request_remove(ROOT, Layer.objects.get())


def test_a_layer_is_removed_by_a_job(operator: User) -> None:
    job = layers.request_remove(rows.actor(operator), rows.layer("old"))
    assert (job.operation, job.targets, job.inputs) == ("layer-remove", ["old"], {})
    assert Layer.objects.get().name == "old"


@pytest.mark.parametrize("rights", [(), ("view_container",)])
def test_the_stranger_may_not(rights: tuple[str, ...]) -> None:
    somebody = rows.actor(rows.user("somebody", *rights))
    with pytest.raises(Forbidden):
        layers.request_import(somebody, "deb", path="/srv/x")
    with pytest.raises(Forbidden):
        layers.request_remove(somebody, rows.layer("old"))
    assert not Job.objects.exists()
