"""Directories, owners and modes."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.errors import Conflict, HostError
from containers.host import directories, files, rootfs
from containers.host.command import Runner
from tests.support.box import IDMAP_BASE, Box
from tests.support.recorder import KeepingRecorder


@pytest.fixture
def fresh(tmp_path: Path) -> Layout:
    return Layout(data_dir=tmp_path / "a/data", log_dir=tmp_path / "a/log", run_dir=tmp_path / "b/run")


def facts(path: Path) -> tuple[int, int, str]:
    status = path.lstat()
    return status.st_uid, status.st_gid, oct(status.st_mode & 0o7777)


def test_everything_gets_its_owner_and_mode_and_gets_it_back(fresh: Layout) -> None:
    wanted = {
        fresh.data_dir: (0, 0, "0o711"),
        fresh.data_dir / "db": (0, 42, "0o1770"),
        fresh.uploads: (0, 42, "0o770"),
        fresh.layers: (0, 0, "0o700"),
        fresh.containers: (0, 0, "0o711"),
        fresh.volumes: (0, IDMAP_BASE, "0o710"),
        fresh.hosts: (0, 0, "0o644"),
        fresh.hook: (0, 0, "0o644"),
        fresh.log_dir: (0, 42, "0o750"),
        fresh.run_dir: (0, 0, "0o755"),
        fresh.run_dir / "lxc": (0, 0, "0o700"),
        fresh.locks: (0, 0, "0o700"),
    }
    old = os.umask(0o077)
    try:
        directories.ensure_layout(fresh, web_gid=42, idmap_base=IDMAP_BASE)
    finally:
        os.umask(old)
    assert {path: facts(path) for path in wanted} == wanted

    for path in wanted:
        path.chmod(0o777)
        os.chown(path, 7, 7)
    directories.ensure_layout(fresh, web_gid=42, idmap_base=IDMAP_BASE)
    assert {path: facts(path) for path in wanted} == wanted


def test_a_file_or_a_link_in_the_place_of_a_directory_is_one_line(fresh: Layout, tmp_path: Path) -> None:
    fresh.data_dir.mkdir(parents=True)
    fresh.layers.write_text("x")
    with pytest.raises(HostError, match=f"^{fresh.layers}: is not a directory$"):
        directories.ensure_layout(fresh, web_gid=0, idmap_base=IDMAP_BASE)

    fresh.layers.unlink()
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    fresh.layers.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError, match="is not a directory"):
        directories.ensure_layout(fresh, web_gid=0, idmap_base=IDMAP_BASE)
    assert facts(tmp_path / "elsewhere") == (0, 0, "0o755")


def test_an_older_hook_is_replaced(fresh: Layout) -> None:
    directories.ensure_layout(fresh, web_gid=0, idmap_base=IDMAP_BASE)
    content = fresh.hook.read_bytes()
    fresh.hook.write_text("old")

    directories.ensure_layout(fresh, web_gid=0, idmap_base=IDMAP_BASE)

    assert fresh.hook.read_bytes() == content


@pytest.fixture
def some(layout: Layout) -> Iterator[Layout]:
    """The directories of a container called "some"."""
    directories.create(layout, "some", idmap_base=IDMAP_BASE)
    yield layout
    directories.destroy(layout, "some", Runner())


def test_a_containers_directories_belong_to_whom_they_must(some: Layout) -> None:
    found = {path.name: facts(path) for path in (some.container("some"), *some.container("some").iterdir())}
    assert found == {
        "some": (0, IDMAP_BASE, "0o710"),
        "rootfs": (0, 0, "0o755"),
        "ephemeral": (IDMAP_BASE, IDMAP_BASE, "0o755"),
        "olwork": (0, 0, "0o700"),
    }
    assert facts(some.log("some")) == (0, some.log_dir.stat().st_gid, "0o640")
    inode = some.ephemeral("some").stat().st_ino
    directories.create(some, "some", idmap_base=IDMAP_BASE)
    assert some.ephemeral("some").stat().st_ino == inode


def test_what_is_missing_of_a_container_is_made_again(some: Layout) -> None:
    some.olwork("some").rmdir()
    some.log("some").unlink()

    directories.create(some, "some", idmap_base=IDMAP_BASE)

    assert some.olwork("some").is_dir()
    assert some.log("some").exists()


def test_volumes_belong_to_the_mapped_ids_and_are_left_alone_afterwards(layout: Layout) -> None:
    try:
        assert directories.ensure_volume(layout, "data", is_file=False, uid=IDMAP_BASE + 70, gid=IDMAP_BASE + 71)
        assert directories.ensure_volume(layout, "conf", is_file=True, uid=IDMAP_BASE, gid=IDMAP_BASE)
        assert facts(layout.volume("data")) == (IDMAP_BASE + 70, IDMAP_BASE + 71, "0o755")
        assert facts(layout.volume("conf")) == (IDMAP_BASE, IDMAP_BASE, "0o644")

        os.chown(layout.volume("data"), 7, 7)
        assert not directories.ensure_volume(layout, "data", is_file=False, uid=0, gid=0)
        assert facts(layout.volume("data"))[:2] == (7, 7)
    finally:
        directories.remove_volume(layout, "data")
        directories.remove_volume(layout, "conf")
    assert list(layout.volumes.iterdir()) == []


@pytest.mark.parametrize("is_file", [False, True])
def test_a_volume_that_is_something_else_is_a_conflict(layout: Layout, tmp_path: Path, is_file: bool) -> None:
    layout.volume("data").symlink_to(tmp_path)
    try:
        with pytest.raises(Conflict, match=f"^volume data exists and is not a {'file' if is_file else 'directory'}$"):
            directories.ensure_volume(layout, "data", is_file=is_file, uid=0, gid=0)
    finally:
        directories.remove_volume(layout, "data")
    assert tmp_path.is_dir()


def test_removing_a_volume_follows_no_link(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    directories.ensure_volume(layout, "data", is_file=False, uid=0, gid=0)
    (layout.volume("data") / "link").symlink_to(tmp_path)
    (layout.volume("data") / "deep" / "er").mkdir(parents=True)

    directories.remove_volume(layout, "data")
    directories.remove_volume(layout, "data")

    assert (tmp_path / "precious").exists()


def test_destroying_tolerates_whatever_is_gone(some: Layout) -> None:
    directories.destroy(some, "never", Runner())
    some.rootfs("some").rmdir()
    some.log("some").unlink()

    directories.destroy(some, "some", Runner())

    assert not some.container("some").exists()


@pytest.mark.lxc
def test_a_running_container_is_not_destroyed(box: Box) -> None:
    name = box.start()

    with pytest.raises(Conflict, match=f"^{name} is running$"):
        directories.destroy(box.layout, name, box.runner)

    assert box.shell(name, "true").exit_code == 0


@pytest.mark.lxc
def test_a_mounted_container_is_unmounted_first_even_without_a_configuration(box: Box) -> None:
    name = box.make()
    rootfs.mount(box.layout, name, box.runner)
    box.layout.config(name).unlink()

    directories.destroy(box.layout, name, box.runner)

    assert (box.layout.layer("base") / "etc" / "passwd").exists()
    assert not box.layout.container(name).exists()


def test_replacing_a_file_keeps_the_old_one_when_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "directory"
    (target / "inside").mkdir(parents=True)

    with pytest.raises(OSError, match="directory"):
        files.replace(target, b"new", mode=0o640)

    assert [path.name for path in tmp_path.iterdir()] == ["directory"]


def test_a_replaced_file_has_its_mode_from_the_start(tmp_path: Path) -> None:
    files.replace(tmp_path / "file", b"new", mode=0o640, gid=7)

    assert facts(tmp_path / "file") == (0, 7, "0o640")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_removing_a_tree_takes_files_and_links_for_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    (tmp_path / "dangling").symlink_to("/nothing")

    for name in ("file", "link", "dangling", "missing"):
        files.remove_tree(tmp_path / name)

    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_the_recorder_sees_an_unmount(box: Box) -> None:
    name = box.make()
    rootfs.mount(box.layout, name, box.runner)
    recorder = KeepingRecorder()

    directories.destroy(box.layout, name, Runner(recorder))

    assert recorder.programs == ["umount"]


def test_the_group_makes_no_files_beside_the_database_whatever_the_mode_says() -> None:
    # Not below pytest's own directory, where nobody else gets to.
    with tempfile.TemporaryDirectory(prefix="spocweb-test-") as name:
        base = Path(name)
        base.chmod(0o711)
        layout = Layout(data_dir=base / "data", log_dir=base / "log", run_dir=base / "run")
        directories.ensure_layout(layout, web_gid=42, idmap_base=IDMAP_BASE)
        as_group = ["setpriv", "--reuid=65534", "--regid=42", "--clear-groups", "touch"]
        made = [
            subprocess.run([*as_group, file], check=False, capture_output=True).returncode == 0
            for file in (layout.uploads / "x", layout.data_dir / "db/x-journal")
        ]
    assert made == [True, False]


def test_without_access_lists_the_mode_says_so(fresh: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no access lists here")

    monkeypatch.setattr(os, "setxattr", refuse)
    directories.ensure_layout(fresh, web_gid=42, idmap_base=IDMAP_BASE)
    assert facts(fresh.data_dir / "db") == (0, 42, "0o750")
