"""Volumes on the disk: told apart, measured, taken away; links are never followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.host import volumes
from tests.support import lxc


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    for name in ("volumes", "containers"):
        (tmp_path / name).mkdir()
    return Layout(data_dir=tmp_path, log_dir=tmp_path, run_dir=tmp_path)


def test_only_files_and_directories_with_a_volumes_name_are_listed(layout: Layout) -> None:
    (layout.volumes / "data").mkdir()
    (layout.volumes / "conf").touch()
    (layout.volumes / "link").symlink_to("/etc")
    (layout.volumes / "Not A Volume").mkdir()
    (layout.volumes / ".unfinished-x.00").mkdir()
    os.mkfifo(layout.volumes / "pipe")
    assert volumes.listing(layout) == {"data": False, "conf": True}


def test_a_host_without_volumes_has_none(layout: Layout) -> None:
    layout.volumes.rmdir()
    assert volumes.listing(layout) == {}


def test_the_size_is_what_the_disk_gives_and_no_link_is_followed(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(os.urandom(4 * 2**20))
    data = layout.volumes / "data"
    data.mkdir()
    (data / "file").write_bytes(os.urandom(2**20))
    (data / "link").symlink_to(tmp_path / "elsewhere")
    (data / "a\n99\tname").touch()
    assert 2**20 <= volumes.measure(layout, lxc.runner(), "data") < 2 * 2**20


def test_what_is_gone_cannot_be_measured(layout: Layout) -> None:
    with pytest.raises(FileNotFoundError):
        volumes.measure(layout, lxc.runner(), "data")


def test_a_removal_follows_no_link_and_leaves_the_others(layout: Layout, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    for name in ("data", "other"):
        (layout.volumes / name).mkdir()
    (layout.volumes / "data/link").symlink_to(kept)
    volumes.set_aside(layout, "data")
    assert volumes.listing(layout) == {"other": False}
    volumes.remove_set_aside(layout)
    assert sorted(path.name for path in layout.volumes.iterdir()) == ["other"]
    assert (kept / "file").exists()


def test_files_are_volumes_too_and_a_second_removal_finds_nothing(layout: Layout) -> None:
    (layout.volumes / "conf").touch()
    volumes.set_aside(layout, "conf")
    volumes.remove_set_aside(layout)
    assert list(layout.volumes.iterdir()) == []
    volumes.set_aside(layout, "conf")
    volumes.remove_set_aside(layout)


@pytest.mark.parametrize("name", ["../data", "a/b", "", ".", ".unfinished-x"])
def test_no_name_leads_elsewhere(layout: Layout, name: str) -> None:
    with pytest.raises(ValueError, match="."):
        volumes.set_aside(layout, name)
