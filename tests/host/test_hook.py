"""The hook program: a program of its own, here run as LXC runs it but without a container."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.host import directories, hook
from tests.support.box import IDMAP_BASE
from tests.support.traces import mounts

NAME = "hooked"


@pytest.fixture
def place(layout: Layout) -> Iterator[Layout]:
    """A container's directories and two layers, without LXC."""
    directories.create(layout, NAME, idmap_base=IDMAP_BASE)
    layout.config(NAME).write_text("lxc.uts.name = hooked\n")
    for layer in ("low", "top"):
        (layout.layer(layer) / "etc").mkdir(parents=True)
        (layout.layer(layer) / "etc" / layer).write_text(layer)
        (layout.layer(layer) / "who").write_text(layer)
    layout.layer("top").chmod(0o751)
    os.chown(layout.layer("top"), IDMAP_BASE + 5, IDMAP_BASE + 6)
    yield layout
    assert run(layout, "post-stop").returncode == 0
    assert mounts(layout.data_dir) == []
    shutil.rmtree(layout.container(NAME))
    for layer in ("low", "top"):
        shutil.rmtree(layout.layer(layer))
    layout.log(NAME).unlink()


def run(layout: Layout, *words: str) -> subprocess.CompletedProcess[str]:
    argv = ["/usr/bin/python3", "-I", "-S", str(layout.hook), *words]
    return subprocess.run(argv, env={"LXC_NAME": NAME}, capture_output=True, text=True, timeout=180, check=False)


def test_layers_are_stacked_the_last_on_top(place: Layout) -> None:
    assert run(place, "pre-start", "low", "top").returncode == 0

    rootfs = place.rootfs(NAME)
    assert sorted(path.name for path in (rootfs / "etc").iterdir()) == ["low", "top"]
    assert (rootfs / "who").read_text() == "top"
    (rootfs / "new").write_text("x")
    assert (place.ephemeral(NAME) / "new").exists()


def test_what_is_in_a_layer_is_whole_and_points_to_nothing_in_others(place: Layout) -> None:
    """Whatever the kernel's defaults are, and whatever attributes a layer brings along."""
    elsewhere = place.layer("top") / "elsewhere"
    elsewhere.mkdir()
    os.setxattr(elsewhere, "trusted.overlay.redirect", b"/etc")
    assert run(place, "pre-start", "low", "top").returncode == 0
    rootfs = place.rootfs(NAME)
    with pytest.raises(OSError, match="cross-device"):
        (rootfs / "etc").rename(rootfs / "moved")
    seen = [path.name for path in elsewhere_in(rootfs)]
    assert "low" not in seen
    (rootfs / "who").chmod(0o600)
    upper = place.ephemeral(NAME) / "who"
    assert upper.read_text() == "top"
    assert "trusted.overlay.metacopy" not in os.listxattr(upper)


def elsewhere_in(rootfs: Path) -> list[Path]:
    """What a redirected directory shows; the kernel may refuse it as a whole."""
    try:
        return list((rootfs / "elsewhere").iterdir())
    except OSError:
        return []


def test_a_kernel_that_knows_no_such_options_mounts_without(place: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    # It changes its directory.
    monkeypatch.chdir(place.data_dir)
    monkeypatch.setattr(hook, "WHOLE", "not_known_to_any_kernel=1")
    hook.pre_start(str(place.data_dir), NAME, ["low", "top"], [], build=False)
    assert (place.rootfs(NAME) / "who").read_text() == "top"


def test_the_kernel_takes_as_many_layers_as_we_say_and_no_more(place: Layout) -> None:
    """The limits of fs/overlayfs, asked of the kernel that runs here: the page of options, and the number."""
    room = hook.MAX_OPTIONS - len(hook.overlay_options(NAME, ["low"], f"../containers/{NAME}/ephemeral"))
    names = [f"{number:04}".ljust(63, "x") for number in range(room // 64)]
    names.append("y" * (room - 64 * len(names) - 1))
    many = [f"m{number:x}" for number in range(hook.MAX_LOWER - 1)]
    for name in (*names, *many, "z"):
        place.layer(name).mkdir()
    try:
        assert run(place, "pre-start", "low", *names).returncode == 0
        assert mounts(place.data_dir) == [str(place.rootfs(NAME))]
        longer = run(place, "pre-start", "low", *names[:-1], names[-1] + "y")
        assert "is missing" in longer.stderr
        place.layer(names[-1] + "y").mkdir()
        longer = run(place, "pre-start", "low", *names[:-1], names[-1] + "y")
        assert f"take {hook.MAX_OPTIONS + 1} characters of mount options" in longer.stderr
        assert run(place, "pre-start", "low", *many).returncode == 0
        assert "there are 501 read-only layers, the kernel allows 500" in run(place, "pre-start", "low", *many, "z").stderr
    finally:
        assert run(place, "post-stop").returncode == 0
        for name in (*names, names[-1] + "y", *many, "z"):
            if place.layer(name).exists():
                place.layer(name).rmdir()


def test_the_root_looks_as_in_the_topmost_layer(place: Layout) -> None:
    assert run(place, "pre-start", "low", "top").returncode == 0

    status = place.rootfs(NAME).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (IDMAP_BASE + 5, IDMAP_BASE + 6, 0o751)


def test_a_build_writes_to_the_topmost_layer(place: Layout) -> None:
    assert run(place, "pre-start", "--build", "low", "top").returncode == 0

    (place.rootfs(NAME) / "new").write_text("x")
    assert (place.layer("top") / "new").exists()
    assert not (place.layer("low") / "new").exists()
    assert list(place.ephemeral(NAME).iterdir()) == []


def test_a_build_of_one_layer_is_a_bind_mount_without_devices(place: Layout) -> None:
    assert run(place, "pre-start", "--build", "low").returncode == 0

    (place.rootfs(NAME) / "new").write_text("x")
    assert (place.layer("low") / "new").exists()
    [line] = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {place.rootfs(NAME)} " in line]
    assert "nodev" in line.split()[5]


def test_devices_that_a_layer_brings_are_dead(place: Layout) -> None:
    os.mknod(place.layer("low") / "null", 0o20666, os.makedev(1, 3))
    assert run(place, "pre-start", "low", "top").returncode == 0

    with pytest.raises(PermissionError):
        (place.rootfs(NAME) / "null").read_bytes()


def test_it_may_run_twice_and_leaves_one_mount(place: Layout) -> None:
    for _ in range(2):
        assert run(place, "pre-start", "low", "top").returncode == 0

    assert mounts(place.data_dir) == [str(place.rootfs(NAME))]


def test_a_stop_without_a_start_is_nothing(place: Layout) -> None:
    assert run(place, "post-stop").returncode == 0
    shutil.rmtree(place.ephemeral(NAME))
    assert run(place, "post-stop").returncode == 0


def test_a_rootfs_in_use_is_unmounted_all_the_same(place: Layout) -> None:
    assert run(place, "pre-start", "low", "top").returncode == 0
    with (place.rootfs(NAME) / "who").open():
        assert run(place, "post-stop").returncode == 0
        assert mounts(place.data_dir) == []


def test_the_name_can_be_given(place: Layout) -> None:
    argv = ["/usr/bin/python3", "-I", "-S", str(place.hook), "pre-start", "--name", NAME, "low", "top"]
    subprocess.run(argv, env={}, check=True, timeout=180)

    assert mounts(place.data_dir) == [str(place.rootfs(NAME))]


@pytest.mark.parametrize("name", ["", "..", "a/b", "."])
def test_what_is_no_name_is_refused(place: Layout, name: str) -> None:
    argv = ["/usr/bin/python3", "-I", "-S", str(place.hook), "pre-start", "--name", name, "low", "top"]
    result = subprocess.run(argv, env={}, check=False, timeout=180, capture_output=True, text=True)

    assert result.returncode == 1
    assert "is not a container's name" in result.stderr
    assert list(place.data_dir.rglob("hook.error")) == []


def test_the_reason_of_a_failure_is_left_and_the_next_run_takes_it_away(place: Layout) -> None:
    result = run(place, "pre-start", "low", "gone")

    assert (result.returncode, result.stderr) == (1, "layer gone is missing\n")
    assert place.hook_error(NAME).read_text() == "layer gone is missing"
    assert run(place, "pre-start", "low", "top").returncode == 0
    assert not place.hook_error(NAME).exists()


def test_the_kernels_reason_is_told(place: Layout) -> None:
    shutil.rmtree(place.olwork(NAME))

    result = run(place, "pre-start", "low", "top")

    assert (result.returncode, result.stderr) == (1, "mounting the root filesystem failed: No such file or directory\n")


def test_a_layer_that_is_a_link_is_refused(place: Layout) -> None:
    place.layer("linked").symlink_to("low")
    try:
        assert run(place, "pre-start", "linked", "top").stderr == "layer linked is a symbolic link, which is not followed\n"
    finally:
        place.layer("linked").unlink()


@pytest.mark.parametrize("target", ["etc/low", "etc/missing/below", "missing"])
def test_mountpoints_that_are_there_or_not_are_fine(place: Layout, target: str) -> None:
    place.config(NAME).write_text(f"lxc.mount.entry = /x {target} none bind 0 0\n")

    assert run(place, "pre-start", "low", "top").returncode == 0


@pytest.mark.parametrize("link", ["/etc", "etc", "missing"])
def test_mountpoints_through_links_are_refused_and_nothing_stays_mounted(place: Layout, link: str) -> None:
    (place.layer("top") / "link").symlink_to(link)
    for target in ("link", "link/below"):
        place.config(NAME).write_text(f"lxc.mount.entry = /x {target} none bind 0 0\n")

        result = run(place, "pre-start", "low", "top")

        assert result.returncode == 1
        assert f"the mountpoint /{target} is or goes through a symbolic link of the root filesystem: link" in result.stderr
        assert mounts(place.data_dir) == []


def test_emptying_follows_no_link_and_is_not_stopped_by_depth(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(outside)
    (top / "file").write_text("x")
    os.mkfifo(top / "fifo")
    nest(top, 5000)

    hook.empty(str(top))

    assert list(top.iterdir()) == []
    assert (outside / "precious").read_text() == "x"


def nest(top: Path, depth: int) -> None:
    """Make a tree far deeper than a path can be long."""
    current = os.open(top, hook.OPEN_DIRECTORY)
    for number in range(depth):
        os.mkdir("d" * 50, dir_fd=current)
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=current))
        if number % 1000 == 0:
            os.symlink("/", "root", dir_fd=current)
        inner = os.open("d" * 50, hook.OPEN_DIRECTORY, dir_fd=current)
        os.close(current)
        current = inner
    os.close(current)


def test_what_the_last_run_set_on_the_upper_directory_is_gone(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    like = tmp_path / "like"
    upper.mkdir(mode=0o700)
    like.mkdir(mode=0o755)
    os.setxattr(upper, "user.left", b"x")
    os.setxattr(upper, "trusted.overlay.opaque", b"y")
    os.chown(upper, 7, 7)
    inode = upper.stat().st_ino

    hook.renew(str(upper), like=str(like))

    status = upper.stat()
    assert os.listxattr(upper) == []
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777, status.st_ino) == (0, 0, like.stat().st_mode & 0o7777, inode)


def test_an_upper_directory_that_is_a_link_is_refused(place: Layout, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    place.ephemeral(NAME).rmdir()
    place.ephemeral(NAME).symlink_to(tmp_path)

    assert run(place, "pre-start", "low", "top").returncode == 1
    assert (tmp_path / "precious").exists()
    place.ephemeral(NAME).unlink()
