"""Looking into layers and containers by way of root's session server: who may, what is compared, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from containers.domain.layout import Layout
from containers.errors import Conflict, Forbidden, HostError, InvalidRequest, NotFound
from containers.models import Container, Layer
from containers.services import files
from containers.services.sessions import Session
from tests.support import rows
from tests.support.sessions import session_server

__all__ = ["session_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("session_server")]


@pytest.fixture
def layers(tmp_path: Path, settings: Any) -> Path:
    """Two layers, and what is compared with what: top lies on base in an image."""
    settings.DATA_DIR = tmp_path
    for name in ("layers/base/etc", "layers/top/etc", "layers/other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "layers/base/etc/passwd").write_text("root")
    (tmp_path / "layers/top/etc/passwd").write_text("root:x")
    (tmp_path / "layers/top/new").write_text("n" * 300_000)
    rows.image("shop:1", layers=("base", "top"))
    return tmp_path / "layers"


def get(name: str) -> Layer:
    return Layer.objects.get(name=name)


def test_a_layer_is_compared_with_what_lies_below_it_in_an_image(layers: Path, viewer: User) -> None:
    actor = rows.actor(viewer)
    assert files.below(get("top")).layers == ("base",)
    listing = files.listing(actor, get("top"), "etc")
    assert [(entry.name, str(entry.change)) for entry in listing.entries] == [("passwd", "changed")]
    assert [str(entry.change) for entry in files.listing(actor, get("base"), "").entries] == ["added"]
    assert files.summary(actor, get("top")).counts.model_dump() == {"added": 1, "changed": 1, "removed": 0, "complete": True}


def test_numbers_and_names_come_together(layers: Path, viewer: User) -> None:
    actor = rows.actor(viewer)
    both = files.overview(actor, get("top"), "etc")
    assert both == (files.summary(actor, get("top")), files.listing(actor, get("top"), "etc"))
    summary, error = files.overview(actor, get("top"), "none")
    assert summary == both[0]
    assert isinstance(error, NotFound)
    summary, error = files.overview(actor, rows.layer("gone"), "")
    assert summary is None
    assert isinstance(error, NotFound)


def test_or_else_in_a_container(layers: Path) -> None:
    rows.layer("other")
    row = rows.container("web", layers=("base", "top", "other"))
    below = files.below(get("other"))
    assert (below.layers, below.of) == (("base", "top"), row)
    assert files.below(rows.layer("alone")) == files.Below()


def test_a_page_after_the_other(layers: Path, viewer: User) -> None:
    for number in range(files.PAGE_SIZE + 3):
        (layers / f"other/{number:04}").touch()
    other = rows.layer("other")
    pages = [files.listing(rows.actor(viewer), other, "", page=page) for page in (1, 2, 3)]
    assert [(page.total, len(page.entries)) for page in pages] == [(203, 200), (203, 3), (203, 0)]


def test_what_is_in_files_takes_the_right_to_operate(layers: Path, viewer: User, operator: User) -> None:
    for look in (files.preview, files.download):
        with pytest.raises(Forbidden):
            look(rows.actor(viewer), get("top"), "etc/passwd")
    assert files.preview(rows.actor(operator), get("top"), "etc/passwd").text == "root:x"


def test_the_stranger_sees_nothing(layers: Path, stranger: User) -> None:
    for look in (files.listing, files.preview, files.download):
        with pytest.raises(Forbidden):
            look(rows.actor(stranger), get("top"), "")
    with pytest.raises(Forbidden):
        files.listing(rows.ROOT, get("top"), "")


def test_a_file_comes_whole_whatever_its_size(layers: Path, operator: User) -> None:
    download = files.download(rows.actor(operator), get("top"), "new")
    assert (download.name, download.size) == ("new", 300_000)
    assert b"".join(download) == b"n" * 300_000
    download.close()


def test_only_so_many_downloads_at_a_time(layers: Path, operator: User) -> None:
    actor = rows.actor(operator)
    begun = [files.download(actor, get("top"), "new") for _ in range(files.MAX_DOWNLOADS)]
    with pytest.raises(Conflict, match=f"{files.MAX_DOWNLOADS} other downloads are under way"):
        files.download(actor, get("top"), "new")
    # One is read to its end, one is given up after it began, one before.
    list(begun[0])
    next(iter(begun[1]))
    for download in [*begun, *begun]:
        download.close()
    again = [files.download(actor, get("top"), "new") for _ in range(files.MAX_DOWNLOADS)]
    for download in again:
        download.close()
    # What cannot be opened does not count.
    for _ in range(2 * files.MAX_DOWNLOADS):
        with pytest.raises(NotFound):
            files.download(actor, get("top"), "none")
    files.download(actor, get("top"), "new").close()


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("..", InvalidRequest),
        ("etc/../..", InvalidRequest),
        ("a\x00", InvalidRequest),
        ("\\x2e\\x2e", InvalidRequest),
        ("none", NotFound),
        ("link", InvalidRequest),
        ("link/passwd", InvalidRequest),
        ("etc", InvalidRequest),
        ("", InvalidRequest),
    ],
)
def test_what_is_no_file_is_refused(layers: Path, operator: User, path: str, error: type[Exception]) -> None:
    (layers / "top/link").symlink_to("/etc")
    with pytest.raises(error):
        files.preview(rows.actor(operator), get("top"), path)
    with pytest.raises(error):
        files.download(rows.actor(operator), get("top"), path)


def test_what_a_container_wrote_is_compared_with_what_it_was_mounted_with(layers: Path, viewer: User, tmp_path: Path) -> None:
    row = rows.container("web", layers=("base",))
    layout = Layout(data_dir=tmp_path, log_dir=tmp_path, run_dir=tmp_path)
    layout.ephemeral("web").joinpath("etc").mkdir(parents=True)
    (layout.ephemeral("web") / "etc/passwd").touch()
    config = f"lxc.hook.pre-start = /usr/bin/python3 -I -S {layout.hook} pre-start base top -- data\n"
    layout.config("web").write_text(config)
    (layers / "base/etc/passwd").rename(layers / "base/etc/other")
    assert [str(entry.change) for entry in files.listing(rows.actor(viewer), row, "etc").entries] == ["changed"]
    layout.config("web").write_text(config.replace("base top", "base"))
    assert [str(entry.change) for entry in files.listing(rows.actor(viewer), row, "etc").entries] == ["added"]
    Container.objects.update(build=True)
    with pytest.raises(Conflict, match="writes into its topmost layer"):
        files.listing(rows.actor(viewer), row, "")


def test_a_layer_that_is_not_on_the_host_is_not_found(layers: Path, viewer: User) -> None:
    for subject in (rows.layer("gone"), rows.container("web")):
        with pytest.raises(NotFound):
            files.listing(rows.actor(viewer), subject, "")


def test_a_session_server_that_is_away_is_said(layers: Path, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert not (settings.RUN_DIR / "sessions.sock").exists()
    with pytest.raises(HostError, match="does not answer"):
        Session.open("x", user_id=1, kind="tree", subject="layer:base")
