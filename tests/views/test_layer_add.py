"""One page for all ways to a new layer or image: each form asks for its own job, and says what is wrong at its field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from containers.models import Job, Layer
from tests.support import rows
from tests.support.html import parse

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _uploads() -> None:
    Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)


def asked(client: Client, way: str, **sent: Any) -> tuple[str, list[str], dict[str, Any]]:
    response = client.post(f"/add-layer/?from={way}", sent)
    job = Job.objects.get()
    assert response["Location"] == f"/jobs/{job.pk}/"
    return job.operation, job.targets, job.inputs


@pytest.mark.parametrize("way", ["archive", "image", "registry", "debian"])
def test_each_way_has_an_address_and_a_form_that_is_sent_there(client: Client, way: str) -> None:
    tree = parse(client.get(f"/add-layer/?from={way}"))
    assert [link["href"] for link in tree.all("a") if link.attrs.get("aria-current") == "page" and "from" in link["href"]] == [
        f"?from={way}"
    ]
    assert [form["action"] for form in tree.one("main").all("form")] == [f"?from={way}"]


def test_the_list_leads_to_it_and_an_unknown_way_is_the_first(client: Client) -> None:
    assert parse(client.get("/layers/")).one("main").one(cls="sw-head-end").one("a", href="/add-layer/")
    assert parse(client.get("/add-layer/?from=nowhere")).one("main").one("form")["action"] == "?from=archive"


def test_an_image_is_imported_from_the_server(client: Client) -> None:
    path = str(settings.IMPORT_DIRS[0] / "web.tar")
    expected = ("image-import", ["web:1"], {"path": path, "pick": "web:latest"})
    assert asked(client, "image", image="web:1", path=path, pick="web:latest") == expected


def test_an_uploaded_image_is_kept_for_the_worker(client: Client) -> None:
    operation, targets, inputs = asked(client, "image", image="web", archive=SimpleUploadedFile("x.tar", b"tar"))
    stored = Path(settings.MEDIA_ROOT) / inputs["upload"]
    assert (operation, targets, stored.read_bytes()) == ("image-import", ["web:latest"], b"tar")
    stored.unlink()


def test_an_image_is_pulled(client: Client) -> None:
    assert asked(client, "registry", reference="debian:12", image="") == ("image-pull", ["debian:12"], {"reference": "debian:12"})


def test_a_base_system_is_made(client: Client) -> None:
    expected = ("layer-bootstrap", ["deb"], {"suite": "bookworm", "packages": ["vim", "curl"]})
    sent = {"suite": "bookworm", "variant": "minbase", "packages": " vim  curl ", "mirror": "", "tool": ""}
    assert asked(client, "debian", name="deb", **sent) == expected
    layer = Layer.objects.get()
    assert (layer.source, layer.origin, layer.is_available, layer.job) == (
        "bootstrap",
        "Debian bookworm",
        False,
        Job.objects.get(),
    )


@pytest.mark.parametrize(
    ("way", "sent", "field"),
    [
        ("image", {"image": "", "path": "/srv/x"}, "image"),
        ("image", {"image": "../x", "path": "/srv/x"}, "image"),
        ("image", {"image": "web", "path": "/etc/shadow"}, "path"),
        ("image", {"image": "web", "path": ""}, "path"),
        ("registry", {"reference": ""}, "reference"),
        ("registry", {"reference": "--debug"}, "reference"),
        ("registry", {"reference": "https://x/y"}, "reference"),
        ("registry", {"reference": "debian:12", "image": "A"}, "image"),
        ("registry", {"reference": "debian:_"}, "image"),
        ("debian", {"name": "", "suite": "bookworm"}, "name"),
        ("debian", {"name": "base", "suite": "bookworm"}, "name"),
        ("debian", {"name": "deb", "suite": "-x"}, "suite"),
        ("debian", {"name": "deb", "suite": "bookworm", "packages": "vim -x"}, "packages"),
        ("debian", {"name": "deb", "suite": "bookworm", "mirror": "file:///etc"}, "mirror"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(client: Client, way: str, sent: dict[str, str], field: str) -> None:
    rows.layer("base")
    response = client.post(f"/add-layer/?from={way}", {"variant": "minbase", **sent} if way == "debian" else sent)
    assert response.status_code == 422
    assert parse(response).one("input", name=field)["aria-invalid"] == "true"
    assert Job.objects.count() == 0
    assert [layer.name for layer in Layer.objects.all()] == ["base"]


def test_a_choice_that_is_none_is_refused(client: Client) -> None:
    response = client.post("/add-layer/?from=debian", {"name": "deb", "suite": "bookworm", "variant": "all", "tool": "bash"})
    tree = parse(response)
    assert {tree.one("select", name=name)["aria-invalid"] for name in ("variant", "tool")} == {"true"}


def test_a_refused_upload_leaves_no_file(client: Client) -> None:
    response = client.post("/add-layer/?from=image", {"image": "../x", "archive": SimpleUploadedFile("x.tar", b"tar")})
    assert response.status_code == 422
    assert list(Path(settings.MEDIA_ROOT).iterdir()) == []
