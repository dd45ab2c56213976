"""Layers: listed with who uses them, imported from the server or by upload, removed when nothing uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from containers.models import Job, Layer
from tests.support import rows
from tests.support.html import Element, parse

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _uploads() -> None:
    Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)


def uploads() -> list[Path]:
    return list(Path(settings.MEDIA_ROOT).iterdir())


def page(client: Client) -> Element:
    return parse(client.get("/layers/"))


def test_an_empty_list_says_what_a_layer_is(client: Client) -> None:
    assert "No layers yet" in page(client).text
    links = {link["href"] for link in page(client).one("main").one("section").all("a")}
    assert links == {"/add-layer/?from=debian", "/add-layer/", "/add-layer/?from=registry"}


def test_a_layer_is_shown_with_size_and_users(client: Client) -> None:
    Layer.objects.filter(pk=rows.layer("base").pk).update(size_bytes=224 * 2**20)
    rows.layer("new", available=False)
    rows.container("web")
    rows.image("debian:12", layers=("base",))
    tree = page(client)
    base, new = tree.one(id="layer-base"), tree.one(id="layer-new")
    assert "224 MiB" in base.text
    assert "Ready for use" in base.text
    assert [link["href"] for link in base.all("a")] == ["/layers/base/", "/containers/web/", "/images/debian/12/"]
    assert base.all("form") == []
    assert "Being made" in new.text
    assert new.one("form")["action"] == "/layers/new/remove/"


def test_a_layer_is_imported_from_the_server(client: Client) -> None:
    path = str(settings.IMPORT_DIRS[0] / "debian.tar.gz")
    response = client.post("/add-layer/", {"name": "debian-12", "path": path})
    job = Job.objects.get()
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.operation, job.targets, job.inputs) == ("layer-import", ["debian-12"], {"path": path})
    assert not Layer.objects.get(name="debian-12").is_available


def test_an_upload_is_kept_for_the_worker_under_a_name_of_ours(client: Client) -> None:
    archive = SimpleUploadedFile("../../etc/passwd", b"tar")
    client.post("/add-layer/", {"name": "debian-12", "archive": archive})
    (stored,) = uploads()
    assert Job.objects.get().inputs == {"upload": stored.name}
    assert stored.read_bytes() == b"tar"
    stored.unlink()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": "", "path": "/srv/x"}, "name"),
        ({"name": "../x", "path": "/srv/x"}, "name"),
        ({"name": "Upper", "path": "/srv/x"}, "name"),
        ({"name": "base", "path": "/srv/x"}, "path"),
        ({"name": "ok", "path": ""}, "path"),
        ({"name": "ok", "path": "relative"}, "path"),
        ({"name": "ok", "path": "/etc/shadow"}, "path"),
        ({"name": "ok", "path": "/srv/../etc/shadow"}, "path"),
        ({"name": "ok", "path": "/srv/x\ny"}, "path"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client: Client, sent: dict[str, str], field: str) -> None:
    response = client.post("/add-layer/", sent)
    assert response.status_code == 422
    tree = parse(response)
    assert tree.one("input", name=field)["aria-invalid"] == "true"
    assert tree.one("input", name="path")["value"] == sent["path"]
    assert Job.objects.count() == 0
    assert Layer.objects.count() == 0


def test_a_refused_upload_leaves_no_file(client: Client) -> None:
    rows.layer("base")
    for name in ("base", "../x"):
        response = client.post("/add-layer/", {"name": name, "archive": SimpleUploadedFile("x.tar", b"tar")})
        assert response.status_code == 422
        assert uploads() == []


def test_path_and_archive_together_are_refused(client: Client) -> None:
    sent: dict[str, Any] = {"name": "ok", "path": "/srv/x", "archive": SimpleUploadedFile("x.tar", b"tar")}
    assert client.post("/add-layer/", sent).status_code == 422
    assert uploads() == []


def test_an_unused_layer_is_removed_by_a_job(client: Client) -> None:
    rows.layer("base")
    response = client.post("/layers/base/remove/")
    job = Job.objects.get()
    assert response["Location"] == f"/jobs/{job.pk}/"
    assert (job.operation, job.targets) == ("layer-remove", ["base"])


def test_a_layer_that_is_used_stays(client: Client) -> None:
    rows.container("web")
    response = client.post("/layers/base/remove/", follow=True)
    assert "base is used by web" in parse(response).one(id="notices").text
    assert Job.objects.filter(operation="layer-remove").count() == 0
    assert client.post("/layers/gone/remove/").status_code == 404


def test_a_layer_of_an_image_stays(client: Client) -> None:
    rows.image("debian:12", layers=("spare",))
    assert page(client).one(id="layer-spare").all("form") == []
    response = client.post("/layers/spare/remove/", follow=True)
    assert "spare is used by image debian:12" in parse(response).one(id="notices").text


def test_the_page_of_a_layer_says_where_it_is_from_and_who_uses_it(client: Client) -> None:
    rows.container("web")
    rows.image("debian:12", layers=("base",))
    Layer.objects.update(source="oci", origin="docker.io/debian", digest="d" * 64, size_bytes=3 * 2**20)
    text = parse(client.get("/layers/base/")).one("main").text
    for words in ("From an OCI image", "docker.io/debian", "sha256:" + "d" * 64, "3 MiB", "web", "debian:12"):
        assert words in text
    assert client.get("/layers/other/").status_code == 404


def test_the_viewer_sees_no_form(viewer_client: Client) -> None:
    rows.layer("base")
    assert page(viewer_client).one("main").all("form") == []


def test_more_layers_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    rows.container("web")
    rows.image()
    with django_assert_max_num_queries(12) as few:
        page(client)
    for number in range(5):
        rows.layer(f"layer-{number}")
        rows.image(f"image-{number}:1", layers=(f"layer-{number}", "base"))
        rows.container(f"c{number}", layers=(f"layer-{number}", "base"))
    with django_assert_max_num_queries(len(few)):
        page(client)
