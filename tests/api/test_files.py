"""Files of layers, and what containers have written: listed, and one by one downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.services import files
from tests.api.conftest import Api
from tests.support import rows
from tests.support.sessions import session_server

__all__ = ["session_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("session_server")]

NASTY = 'a\n\x1b[31m"; filename=evil.html; \u202ecod'


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, settings: Any) -> Path:
    """A layer, and a container that has written the same."""
    settings.DATA_DIR = tmp_path
    rows.container("web")
    (tmp_path / "containers/web").mkdir(parents=True)
    (tmp_path / "containers/web/config").write_text("lxc.hook.pre-start = python3 -I -S hook.py pre-start base\n")
    for top in ("layers/base", "containers/web/ephemeral"):
        (tmp_path / top / "etc").mkdir(parents=True)
        (tmp_path / top / "etc/passwd").write_text("root")
        (tmp_path / top / NASTY).write_text("<script>")
        (tmp_path / top / "link").symlink_to("/etc/shadow")
    return tmp_path


PLACES = {"layers/base": "added", "containers/web/ephemeral": "changed"}


@pytest.mark.parametrize("place", PLACES)
def test_a_directory_is_listed_with_what_is_changed(api: Api, tree: Path, place: str) -> None:
    body = api.get(f"/{place}/files/?path=/etc").json()
    (entry,) = body.pop("results")
    assert {key: entry[key] for key in ("name", "kind", "change", "size", "target")} == {
        "name": "passwd",
        "kind": "file",
        "change": PLACES[place],
        "size": 4,
        "target": None,
    }
    changes = {"added": 0, "changed": 0, "removed": 0, "complete": True} | {PLACES[place]: 1}
    assert body == {"path": "etc", "count": 1, "next": None, "changes": changes, "complete": True}


def test_pages_follow_one_another(api: Api, tree: Path) -> None:
    (tree / "layers/base/many").mkdir()
    for number in range(201):
        (tree / f"layers/base/many/{number:03}").touch()
    first = api.get("/layers/base/files/?path=many").json()
    assert (first["count"], len(first["results"])) == (201, 200)
    second = api.client.get(first["next"], headers=api.headers).json()
    assert ([entry["name"] for entry in second["results"]], second["next"]) == (["200"], None)
    assert api.get("/layers/base/files/?path=many&page=3").status_code == 404


@pytest.mark.parametrize("place", PLACES)
def test_a_file_is_downloaded_whatever_it_is_called(api: Api, place: str) -> None:
    (name,) = [entry["name"] for entry in api.get(f"/{place}/files/").json()["results"] if entry["kind"] == "file"]
    response = api.get(f"/{place}/file/", query_params={"path": name})
    assert (response.status_code, response.getvalue()) == (200, b"<script>")
    headers = response.headers
    assert (headers["Content-Type"], headers["Content-Length"]) == ("application/octet-stream", "8")
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
    assert headers["Content-Disposition"].startswith("attachment; filename")
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "\n" not in headers["Content-Disposition"]
    assert "Content-Encoding" not in headers


def test_it_is_not_compressed_on_the_way(api: Api, tree: Path) -> None:
    (tree / "layers/base/large").write_text("x" * 100_000)
    response = api.get("/layers/base/file/?path=large", headers={"Accept-Encoding": "gzip"})
    assert response.getvalue() == b"x" * 100_000


def test_only_its_headers_can_be_asked_for_and_nothing_stays_open(api: Api) -> None:
    for _ in range(2 * files.MAX_DOWNLOADS):
        response = api("HEAD", "/layers/base/file/?path=etc/passwd")
        assert (response.status_code, response.headers["Content-Length"]) == (200, "4")
        response.close()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("..", 422),
        ("../../../etc/passwd", 422),
        ("/etc/../../../../etc/passwd", 422),
        ("link", 422),
        ("link/x", 422),
        ("etc", 422),
        ("", 422),
        ("none", 404),
        ("etc%00", 422),
        ("%ff", 404),
        ("x" * 20_000, 422),
    ],
)
def test_nothing_else_can_be_downloaded(api: Api, place: str, path: str, status: int) -> None:
    response = api.get(f"/{place}/file/?path={path}")
    assert response.status_code == status
    if status == 422 and path not in ("link", "link/x", "etc", ""):
        assert response.json()["field"] == "path"


@pytest.mark.parametrize("place", PLACES)
def test_the_viewer_sees_names_and_no_contents(viewer: User, place: str) -> None:
    api = Api(viewer)
    assert api.get(f"/{place}/files/").json()["count"] == 3
    assert api.get(f"/{place}/file/?path=etc/passwd").status_code == 403
    assert api.get(f"/{place}/preview/?path=etc/passwd").status_code == 403


@pytest.mark.parametrize("place", PLACES)
def test_a_text_is_shown_from_its_beginning(api: Api, tree: Path, place: str) -> None:
    body = api.get(f"/{place}/preview/?path=etc/passwd").json()
    assert (body["entry"]["name"], body["size"], body["text"], body["complete"]) == ("passwd", 4, "root", True)
    (tree / place / "etc/passwd").write_bytes(b"\0\1\2")
    assert api.get(f"/{place}/preview/?path=etc/passwd").json()["text"] is None
    assert api.get(f"/{place}/preview/?path=link").status_code == 422


def test_a_layer_is_summed_up(api: Api) -> None:
    assert api.get("/layers/base/summary/").json()["counts"] == {"added": 3, "changed": 0, "removed": 0, "complete": True}


def test_what_a_container_wrote_is_summed_up(api: Api, tree: Path) -> None:
    (tree / "layers/base/etc/passwd").unlink()
    body = api.get("/containers/web/ephemeral/").json()
    assert body["counts"] == {"added": 1, "changed": 2, "removed": 0, "complete": True}
    assert body["size"] > 0


def test_a_session_server_that_is_away_is_said(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for path in ("/layers/base/files/", "/layers/base/file/?path=etc/passwd", "/containers/web/ephemeral/"):
        response = api.get(path)
        assert (response.status_code, response.json()["code"]) == (503, "host")


def test_a_file_opens_in_a_browser_that_is_signed_in(operator: User) -> None:
    client = Client()
    client.force_login(operator)
    assert client.get("/api/v1/layers/base/file/?path=etc/passwd").getvalue() == b"root"
