"""Files of layers, and what containers have written, on pages: directories, previews, what can be done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from containers.choices import ContainerState
from containers.models import Container, Job, Layer
from tests.support import rows
from tests.support.html import Element, parse
from tests.support.sessions import session_server

__all__ = ["session_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("session_server")]

NASTY = "<b onclick=x>\x1b[31m\u202e"


@pytest.fixture(autouse=True)
def tree(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> Path:
    """A base, a layer on it in an image, and a container that runs and has written something."""
    # Not in the test's own directory: that is where static files are looked for.
    settings.DATA_DIR = tmp_path = tmp_path_factory.mktemp("data")
    rows.image("shop:1", layers=("base", "top"))
    rows.container("web", state=ContainerState.RUNNING)
    (tmp_path / "containers/web").mkdir(parents=True)
    (tmp_path / "containers/web/config").write_text("lxc.hook.pre-start = python3 -I -S hook.py pre-start base\n")
    for top in ("layers/base", "layers/top", "containers/web/ephemeral"):
        (tmp_path / top / "etc").mkdir(parents=True)
        (tmp_path / top / "etc/passwd").write_text("root:x:0:0")
    (tmp_path / "layers/top" / NASTY).write_text("<script>alert(1)</script>\x1b]0;title\x07")
    (tmp_path / "layers/top/link").symlink_to("/etc/\x1b[31mshadow")
    return tmp_path


def page(client: Client, path: str) -> Element:
    response = client.get(path)
    assert response.status_code == 200
    return parse(response).one("main")


def names(tree: Element) -> list[str]:
    return [row.one("th").text for row in tree.one(id="files").one("tbody").all("tr")]


def test_a_layer_shows_its_files_and_what_they_are_compared_with(client: Client) -> None:
    tree = page(client, "/layers/top/")
    assert names(tree) == [
        "directory etc",
        "file <b onclick=x>\\x1b[31m\\xe2\\x80\\xae",
        "link link → /etc/\\x1b[31mshadow",
    ]
    assert "Compared with what lies below it in shop:1: base." in tree.text
    assert "2 added, 1 changed, 0 removed" in tree.one(id="files").text
    (etc,) = [link for link in tree.one("tbody").all("a") if link.text == "etc"]
    inner = page(client, etc["href"])
    assert names(inner) == ["file passwd"]
    crumbs = inner.one("nav", cls="sw-path")
    assert [link["href"] for link in crumbs.all("a")] == ["/layers/top/"]
    assert crumbs.one("b").text == "etc"


def test_of_a_lowest_layer_nothing_is_called_added(client: Client) -> None:
    tree = page(client, "/layers/base/").one(id="files")
    assert "Added" not in tree.text
    assert "1 name" in tree.text


def test_a_file_is_shown_as_harmless_text(client: Client) -> None:
    (link,) = [link for link in page(client, "/layers/top/").one("tbody").all("a") if link.text.startswith("<b")]
    tree = page(client, link["href"])
    assert tree.one("pre").text == "<script>alert(1)</script>"
    assert tree.all("script") == []
    (download,) = [link for link in tree.all("a") if link["href"].startswith("/api/")]
    assert b"<script>" in client.get(download["href"]).getvalue()


def test_what_is_no_text_or_long_is_said(client: Client, tree: Path) -> None:
    (tree / "layers/top/program").write_bytes(b"\x7fELF\0")
    (tree / "layers/top/long").write_text("x" * 200_000)
    (tree / "layers/top/nothing").write_text("")
    assert "This is no text" in page(client, "/layers/top/file/?path=program").text
    assert "This is the beginning, 131,072 characters" in page(client, "/layers/top/file/?path=long").text.replace(
        "131072", "131,072"
    )
    assert "It is empty" in page(client, "/layers/top/file/?path=nothing").text


@pytest.mark.parametrize("path", ["..", "../..", "etc/../..", "link", "link/x", "none", "%00", "\\x2e\\x2e", "x" * 5000])
def test_no_address_leads_anywhere_else(client: Client, path: str) -> None:
    for where in ("/layers/top/", "/containers/web/layers/"):
        response = client.get(f"{where}?path={path}")
        assert response.status_code in (404, 422)
        assert parse(response).one(id="files").all("tbody") == []
    for where in ("/layers/top/file/", "/containers/web/layers/file/"):
        assert client.get(f"{where}?path={path}").status_code == 302


def test_a_full_directory_is_shown_page_by_page(client: Client, tree: Path) -> None:
    for number in range(450):
        (tree / f"layers/base/etc/{number:03}").touch()
    first = page(client, "/layers/base/?path=etc")
    assert len(names(first)) == 200
    (following,) = [link for link in first.all("a") if link.attrs.get("rel") == "next"]
    second = page(client, following["href"])
    assert names(second)[0] == "file 200"
    assert "Page 2 of 3" in second.text
    for number in ("0", "x", "99999999999", "-1", ""):
        assert len(names(page(client, f"/layers/base/?path=etc&page={number}"))) == 200
    assert "There is no such page" in page(client, "/layers/base/?path=etc&page=9").text


def test_a_container_shows_what_it_has_written_and_what_can_be_done_with_it(client: Client) -> None:
    tree = page(client, "/containers/web/layers/")
    assert [link["href"] for link in tree.one("ol", cls="sw-stacked").all("a")] == ["/layers/base/"]
    assert "0 added, 1 changed, 0 removed" in tree.text
    links = {link.text: link["href"] for link in tree.all("a")}
    assert links["Keep as a new layer…"] == "/containers/web/layers/keep/"
    assert links["Reset…"] == "/containers/web/reset/"
    assert names(tree) == ["directory etc"]


def test_the_plan_of_a_reset_is_shown(client: Client) -> None:
    tree = page(client, "/containers/web/reset/")
    assert "Ephemeral layer of web" in tree.text
    assert "emptied" in tree.text


def test_of_one_that_is_stopped_nothing_can_be_kept(client: Client) -> None:
    Container.objects.update(state=ContainerState.STOPPED)
    tree = page(client, "/containers/web/layers/")
    assert "web is stopped: its ephemeral layer is empty." in tree.text
    assert len(tree.all("button", aria_disabled="true")) == 2


def test_one_that_builds_a_layer_has_nothing_of_its_own(client: Client) -> None:
    Container.objects.update(build=True)
    tree = page(client, "/containers/web/layers/")
    assert "what it writes is in its topmost layer" in tree.text
    assert tree.all(id="files") == []


@pytest.fixture
def volumes(tree: Path) -> Path:
    """A directory with a secret beside it, and a file."""
    (tree / "volumes/data/inner").mkdir(parents=True)
    (tree / "volumes/data/inner/notes").write_text("what was written")
    (tree / "volumes/data/away").symlink_to("../conf")
    (tree / "volumes/conf").write_text("a = 1")
    rows.volume("data")
    rows.volume("conf", kind="file")
    rows.container("db", mounts={"data": "srv"})
    return tree / "volumes"


def test_a_volume_is_browsed_and_its_files_are_read(client: Client, volumes: Path) -> None:
    tree = page(client, "/volumes/data/")
    assert names(tree) == ["directory inner", "link away → ../conf"]
    assert "db at /srv" in tree.one("dl").text
    (inner,) = [link for link in tree.one(id="files").all("a") if link.text == "inner"]
    (file,) = page(client, inner["href"]).one("tbody").all("a")
    shown = page(client, file["href"])
    assert shown.one("pre").text == "what was written"
    (download,) = [link for link in shown.all("a") if link["href"].startswith("/api/")]
    response = client.get(download["href"])
    assert (response.getvalue(), response["Content-Disposition"]) == (b"what was written", 'attachment; filename="notes"')


def test_a_volume_that_is_a_file_is_read_without_a_path(client: Client, volumes: Path) -> None:
    tree = page(client, "/volumes/conf/")
    assert tree.all(id="files") == []
    (link,) = [link for link in tree.all("a") if link.text == "Show its content"]
    shown = page(client, link["href"])
    assert shown.one("pre").text == "a = 1"
    (download,) = [link for link in shown.all("a") if link["href"].startswith("/api/")]
    response = client.get(download["href"])
    assert (response.getvalue(), response["Content-Disposition"]) == (b"a = 1", 'attachment; filename="conf"')


@pytest.mark.parametrize("path", ["..", "../conf", "away", "inner/../../conf", "away/x", "none", ""])
def test_no_address_leads_out_of_a_volume(client: Client, volumes: Path, path: str) -> None:
    assert client.get(f"/volumes/data/file/?path={path}").status_code == 302
    assert client.get(f"/api/v1/volumes/data/file/?path={path}").status_code in (404, 422)
    if path:
        assert client.get(f"/volumes/data/?path={path}").status_code in (404, 422)
    assert client.get("/volumes/conf/file/?path=..%2Fdata").status_code == 302


def test_a_volume_that_became_a_link_is_not_followed(client: Client, volumes: Path) -> None:
    (volumes / "conf").unlink()
    (volumes / "conf").symlink_to("data/inner/notes")
    assert client.get("/volumes/conf/file/").status_code == 302
    (volumes / "data").rename(volumes / "other")
    (volumes / "data").symlink_to("other")
    assert "data is not on the host" in page(client, "/volumes/data/").text
    assert client.get("/volumes/data/?path=inner").status_code == 404


def test_the_viewer_sees_the_names_in_a_volume_and_no_contents(viewer_client: Client, volumes: Path) -> None:
    tree = page(viewer_client, "/volumes/data/")
    assert [link.text for link in tree.one("tbody").all("a")] == ["inner"]
    assert viewer_client.get("/volumes/data/file/?path=inner/notes").status_code == 403
    assert viewer_client.get("/api/v1/volumes/data/file/?path=inner/notes").status_code == 403
    assert [row["name"] for row in viewer_client.get("/api/v1/volumes/data/files/?path=inner").json()["results"]] == ["notes"]


def test_what_it_wrote_is_kept_by_a_job(client: Client) -> None:
    form = page(client, "/containers/web/layers/keep/")
    assert form.one("input", name="layer")["value"] == "web-kept"
    response = client.post("/containers/web/layers/keep/", {"layer": "mine", "image": "shop:2"})
    job = Job.objects.get(operation="layer-commit")
    assert (response["Location"], job.inputs) == (f"/jobs/{job.pk}/", {"layer": "mine", "image": "shop:2"})
    assert not Layer.objects.get(name="mine").is_available


@pytest.mark.parametrize(
    ("sent", "field"),
    [({"layer": ""}, "layer"), ({"layer": "../x"}, "layer"), ({"layer": "x", "image": "a:"}, "image"), ({"layer": "base"}, "")],
)
def test_what_is_wrong_with_it_is_said_at_its_field(client: Client, sent: dict[str, str], field: str) -> None:
    response = client.post("/containers/web/layers/keep/", sent)
    assert response.status_code == 422
    tree = parse(response)
    if field:
        assert tree.one("input", name=field)["aria-invalid"] == "true"
    else:
        assert "There is a layer base already" in tree.text
    assert not Job.objects.filter(operation="layer-commit").exists()


def test_the_viewer_sees_names_and_no_contents(viewer_client: Client) -> None:
    tree = page(viewer_client, "/layers/top/")
    assert [link.text for link in tree.one("tbody").all("a")] == ["etc"]
    assert viewer_client.get("/layers/top/file/?path=etc/passwd").status_code == 403
    tree = page(viewer_client, "/containers/web/layers/")
    assert [link for link in tree.all("a") if link["href"].endswith(("/keep/", "/reset/"))] == []


def test_a_session_server_that_is_away_leaves_the_rest_of_the_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    tree = page(client, "/layers/top/")
    assert "The session server does not answer" in tree.one(id="files").text
    assert "Facts" in tree.text
    assert "ephemeral" in page(client, "/containers/web/layers/").text


@pytest.mark.parametrize("path", ["/layers/top/?path=many", "/containers/web/layers/?path=many"])
def test_more_files_need_no_more_queries(client: Client, tree: Path, django_assert_max_num_queries: Any, path: str) -> None:
    places = [tree / place / "many" for place in ("layers/top", "containers/web/ephemeral")]
    for place in places:
        place.mkdir()
        (place / "first").touch()
    with django_assert_max_num_queries(60) as few:
        page(client, path)
    for place in places:
        for number in range(30):
            (place / f"{number}").touch()
    with django_assert_max_num_queries(len(few)):
        assert len(names(page(client, path))) == 31
