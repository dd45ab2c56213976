"""Opening what root is asked to read: nothing but plain files and directories, through no link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.errors import InvalidRequest
from containers.host import imports


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    directory = tmp_path / "allowed"
    (directory / "sub").mkdir(parents=True)
    (directory / "sub" / "file").write_text("content")
    (tmp_path / "secret").write_text("secret")
    return directory


def test_a_file_is_opened_and_can_be_read(allowed: Path) -> None:
    with imports.open_source(allowed / "sub/file", [Path("/nowhere"), allowed]) as source:
        assert not source.is_directory
        assert os.read(source.file, 100) == b"content"
    assert source.file == -1
    source.close()


def test_a_directory_is_opened(allowed: Path) -> None:
    with imports.open_source(allowed / "sub", [allowed]) as source:
        assert source.is_directory
        assert [entry.name for entry in os.scandir(source.file)] == ["file"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "No such file or directory"),
        ("sub/file/below", "a part of it is a symbolic link or not a directory"),
        ("link", "is a symbolic link, which is not followed"),
        ("through/secret", "a part of it is a symbolic link or not a directory"),
        ("fifo", "is neither a file nor a directory"),
        ("device", "is neither a file nor a directory"),
        ("sub/../sub/file", "is not below any directory"),
        ("../secret", "is not below any directory"),
        ("", "is not below any directory"),
    ],
)
def test_everything_else_is_refused_with_the_reason(allowed: Path, path: str, reason: str) -> None:
    (allowed / "link").symlink_to("../secret")
    (allowed / "through").symlink_to("..")
    os.mkfifo(allowed / "fifo")
    os.mknod(allowed / "device", 0o20666, os.makedev(1, 3))
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(InvalidRequest, match=reason) as caught:
        imports.open_source(Path(f"{allowed}/{path}"), [allowed])

    assert caught.value.errors[0].field == "path"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("path", ["/etc/passwd", "relative", "/proc/self/environ"])
def test_what_lies_elsewhere_is_refused(allowed: Path, path: str) -> None:
    with pytest.raises(InvalidRequest, match="is not below any directory that may be imported from"):
        imports.open_source(Path(path), [allowed])


@pytest.fixture
def upload(layout: Layout) -> Iterator[Path]:
    path = layout.uploads / "abc.tar"
    path.write_text("content")
    yield path
    for left in layout.uploads.iterdir():
        left.rmdir() if left.is_dir() and not left.is_symlink() else left.unlink()


def test_an_upload_is_opened_and_removed(layout: Layout, upload: Path) -> None:
    with imports.open_upload(layout, "abc.tar") as source:
        assert os.read(source.file, 100) == b"content"

    imports.remove_upload(layout, "abc.tar")
    imports.remove_upload(layout, "abc.tar")

    assert not upload.exists()


@pytest.mark.parametrize("name", ["../db", "a/b", "", ".", "..", "-x", "a\nb", "x" * 300])
def test_what_is_no_uploads_name_is_refused_and_nothing_removed(layout: Layout, name: str) -> None:
    with pytest.raises(InvalidRequest):
        imports.open_upload(layout, name)
    imports.remove_upload(layout, name)


def test_what_was_put_in_an_uploads_place_is_refused(layout: Layout, upload: Path, tmp_path: Path) -> None:
    upload.unlink()
    upload.symlink_to("/etc/shadow")
    with pytest.raises(InvalidRequest, match="symbolic link"):
        imports.open_upload(layout, "abc.tar")

    upload.unlink()
    upload.mkdir()
    with pytest.raises(InvalidRequest, match="is not a plain file"):
        imports.open_upload(layout, "abc.tar")
    imports.remove_upload(layout, "abc.tar")

    upload.rmdir()
    os.link(layout.hosts, upload)
    with pytest.raises(InvalidRequest, match="is not a plain file"):
        imports.open_upload(layout, "abc.tar")
