"""The page of what nothing uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from containers.errors import HostError
from containers.models import Job, Layer
from containers.services import recipes
from tests.support import rows
from tests.support.html import Element, parse
from tests.support.sessions import session_server

__all__ = ["session_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("session_server")]

UPLOAD = "0" * 32


@pytest.fixture(autouse=True)
def _host(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> None:
    settings.DATA_DIR = tmp_path_factory.mktemp("data")
    settings.MEDIA_ROOT = settings.DATA_DIR / "uploads"
    Path(settings.MEDIA_ROOT).mkdir()
    (settings.MEDIA_ROOT / UPLOAD).touch()
    os.utime(settings.MEDIA_ROOT / UPLOAD, (1, 1))
    (settings.DATA_DIR / "layers/.unfinished-x.00000000").mkdir(parents=True)


def page(client: Client) -> Element:
    return parse(client.get("/clean-up/")).one("main")


def test_it_lists_what_goes_and_how_much_it_frees(client: Client) -> None:
    rows.container("web")
    rows.image("shop:1", layers=("of-image",))
    rows.layer("of-recipe")
    recipes.save(rows.ROOT, "shop", "FROM of-recipe\n")
    rows.layer("spare")
    Layer.objects.filter(name="spare").update(size_bytes=3 * 2**20)
    tree = page(client)
    assert [box["value"] for box in tree.all("input", type="checkbox")] == ["spare", UPLOAD]
    assert "frees 3 MiB" in tree.text
    assert ".unfinished-x.00000000" in tree.text


def test_images_that_apps_have_left_are_listed_and_removed(client: Client) -> None:
    rows.layer("base")
    made = Job.objects.create(host=rows.host(), operation="app-update", targets=["blog"], state="succeeded")
    for name, job in (("app-note-web", made), ("own", None)):
        rows.image(f"{name}:2.0", layers=("base", f"{name}-2"))
        Layer.objects.filter(name=f"{name}-2").update(job=job, size_bytes=5 << 20)
    tree = page(client)
    assert [box["value"] for box in tree.all("input", type="checkbox", name="images")] == ["app-note-web:2.0"]
    assert "frees 5 MiB" in tree.text
    client.post("/clean-up/", {"images": ["app-note-web:2.0"]})
    assert Job.objects.latest("pk").inputs == {"images": {"app-note-web:2.0": ["base", "app-note-web-2"]}}
    assert client.post("/clean-up/", {"images": ["gone:1"]}).status_code == 302
    assert Job.objects.count() == 2


def test_what_is_ticked_is_removed_by_a_job(client: Client) -> None:
    rows.layer("spare")
    response = client.post("/clean-up/", {"layers": ["spare"], "leftovers": "1"})
    job = Job.objects.get()
    assert (response["Location"], job.operation) == (f"/jobs/{job.pk}/", "clean-up")
    assert job.inputs == {"layers": ["spare"], "leftovers": True}
    assert "Clean up" in parse(client.get(f"/jobs/{job.pk}/")).one("h1").text


@pytest.mark.parametrize("sent", [{}, {"layers": ["../x"]}, {"uploads": ["../x"]}, {"layers": [""]}])
def test_nothing_or_nonsense_is_refused_in_words(client: Client, sent: dict[str, Any]) -> None:
    response = client.post("/clean-up/", sent, follow=True)
    assert parse(response).one(id="notices").text
    assert not Job.objects.exists()


def test_the_viewer_sees_it_and_can_do_nothing(viewer_client: Client) -> None:
    rows.layer("spare")
    tree = page(viewer_client)
    assert "spare" in tree.text
    assert tree.all("button") == []
    assert viewer_client.post("/clean-up/", {"layers": ["spare"]}).status_code == 403


def test_a_session_server_that_is_away_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **more: Any) -> Any:
        raise HostError("away")

    monkeypatch.setattr("containers.services.sessions.Session.open", away)
    assert "the session server does not answer" in page(client).text


def test_more_layers_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    rows.layer("spare")
    with django_assert_max_num_queries(40) as few:
        page(client)
    for number in range(20):
        rows.layer(f"spare-{number}")
    with django_assert_max_num_queries(len(few)):
        assert len(page(client).all("input", type="checkbox")) == 22
