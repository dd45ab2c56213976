"""Looking into layers: what is changed is what the overlay says, and nothing outside is ever read, whatever lies there."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from containers.domain.tree import Change, Entry, Kind, path_bytes
from containers.errors import InvalidRequest, NotFound
from containers.host import inspect
from containers.host.inspect import IdMap, Tree
from tests.support.box import IDMAP_BASE, IDMAP_SIZE, Box

pytestmark = pytest.mark.lxc

IDMAP = IdMap(IDMAP_BASE, IDMAP_SIZE)
SECRET = "the host's own"


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    for name in ("low", "mid", "top"):
        (tmp_path / name).mkdir()
    (tmp_path / "secret").write_text(SECRET)
    return tmp_path


@pytest.fixture
def tree(layers: Path) -> Iterator[Tree]:
    with Tree(layers / "top", [layers / "mid", layers / "low"], IDMAP) as tree:
        yield tree


def entries(tree: Tree, path: str = "") -> dict[str, Entry]:
    return {entry.name: entry for entry in tree.listing(path_bytes(path)).entries}


def changes(tree: Tree, path: str = "") -> dict[str, str]:
    return {name: str(entry.change) for name, entry in entries(tree, path).items()}


def whiteout(path: Path) -> None:
    os.mknod(path, 0o600 | 0o020000, os.makedev(0, 0))


def opaque(path: Path) -> Path:
    path.mkdir(exist_ok=True, parents=True)
    os.setxattr(path, "trusted.overlay.opaque", b"y")
    return path


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)
    return path


def test_a_name_is_added_changed_or_removed(layers: Path, tree: Tree) -> None:
    write(layers / "low/below")
    write(layers / "low/dir/inner")
    write(layers / "mid/middle")
    for name in ("new", "below", "middle", "dir/more", "dir/inner"):
        write(layers / "top" / name)
    whiteout(layers / "top/gone")
    assert changes(tree) == {"dir": "changed", "below": "changed", "gone": "removed", "middle": "changed", "new": "added"}
    assert changes(tree, "dir") == {"inner": "changed", "more": "added"}
    listing = tree.listing(())
    assert (listing.total, listing.counts.model_dump(), listing.complete) == (
        5,
        {"added": 1, "changed": 3, "removed": 1, "complete": True},
        True,
    )


def test_what_is_hidden_below_does_not_count(layers: Path, tree: Tree) -> None:
    write(layers / "low/removed")
    whiteout(layers / "mid/removed")
    write(layers / "low/dir/hidden")
    opaque(layers / "mid/dir")
    write(layers / "low/was-dir/inner")
    write(layers / "mid/was-dir")
    write(layers / "low/was-dir-2/inner")
    whiteout(layers / "mid/was-dir-2")
    write(layers / "low/deep/a/b")
    opaque(layers / "mid/deep")
    (layers / "mid/deep/a").mkdir()
    for name in ("removed", "dir/hidden", "was-dir/inner", "was-dir-2/inner", "deep/a/b"):
        write(layers / "top" / name)
    assert changes(tree)["removed"] == "added"
    for directory, inner in (("dir", "hidden"), ("was-dir", "inner"), ("was-dir-2", "inner"), ("deep/a", "b")):
        assert changes(tree, directory) == {inner: "added"}, directory


def test_a_directory_that_replaces_all_below_is_marked(layers: Path, tree: Tree) -> None:
    write(layers / "low/dir/old")
    write(opaque(layers / "top/dir") / "old")
    os.setxattr(layers / "low/dir", "trusted.overlay.opaque", b"x")
    assert entries(tree)["dir"].opaque
    assert changes(tree, "dir") == {"old": "changed"}


def test_a_real_overlay_says_the_same(layers: Path, tree: Tree) -> None:
    write(layers / "low/keep")
    write(layers / "low/edit", "a")
    write(layers / "low/remove")
    write(layers / "low/anew/old")
    write(layers / "mid/edit-too", "a")
    (layers / "work").mkdir()
    (layers / "root").mkdir()
    options = f"lowerdir={layers}/mid:{layers}/low,upperdir={layers}/top,workdir={layers}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", layers / "root"], check=True)
    try:
        root = layers / "root"
        write(root / "edit", "b")
        write(root / "edit-too", "b")
        write(root / "new/file")
        (root / "remove").unlink()
        (root / "anew/old").unlink()
        (root / "anew").rmdir()
        write(root / "anew/file")
        # While it is mounted, as for a container that runs.
        assert changes(tree) == {"anew": "changed", "new": "added", "edit": "changed", "edit-too": "changed", "remove": "removed"}
        assert entries(tree)["anew"].opaque
        assert entries(tree)["remove"].kind == Kind.WHITEOUT
        counts = tree.summary().counts
        assert (counts.added, counts.changed, counts.removed, counts.complete) == (2, 2, 1, True)
    finally:
        subprocess.run(["umount", layers / "root"], check=True)


def test_everything_that_is_known_of_a_name(layers: Path, tree: Tree) -> None:
    path = write(layers / "top/file", "text")
    os.chown(path, IDMAP_BASE + 5, IDMAP_BASE + IDMAP_SIZE)
    path.chmod(0o4755)
    os.utime(path, (1, 1_700_000_000))
    assert entries(tree)["file"].model_dump() == {
        "name": "file",
        "kind": Kind.FILE,
        "change": Change.ADDED,
        "mode": 0o4755,
        "uid": 5,
        "gid": None,
        "size": 4,
        "modified_at": 1_700_000_000,
        "target": None,
        "opaque": False,
    }


def test_all_kinds_are_told_apart_and_none_is_opened(layers: Path, tree: Tree) -> None:
    top = layers / "top"
    (top / "directory").mkdir()
    write(top / "file")
    (top / "link").symlink_to("../secret\n\x1b[31m")
    os.mkfifo(top / "fifo")
    os.mknod(top / "device", 0o020600, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(top / "socket"))
    assert {name: str(entry.kind) for name, entry in entries(tree).items()} == {
        name: name for name in ("directory", "device", "fifo", "file", "link", "socket")
    }
    assert entries(tree)["link"].target == "../secret\\x0a\\x1b[31m"
    # A FIFO that is opened to be read waits for a writer; /dev/zero never ends.
    for name in ("fifo", "device", "socket", "link", "directory"):
        with pytest.raises(InvalidRequest, match="no plain file"), tree.open_file((name.encode(),)):
            pass
        with pytest.raises(InvalidRequest):
            tree.preview((name.encode(),))


def test_no_link_leads_out(layers: Path, tree: Tree) -> None:
    top = layers / "top"
    for name, target in (("up", ".."), ("root", "/"), ("file", "../secret"), ("absolute", layers / "secret"), ("self", "self")):
        (top / name).symlink_to(target)
    (top / "inner").mkdir()
    (top / "inner/up").symlink_to("../..")
    for path in ("up", "root", "self", "inner/up", "up/secret", "root/etc", "inner/up/secret", "up/top", "self/x", "file/x"):
        with pytest.raises((InvalidRequest, NotFound)):
            tree.listing(path_bytes(path))
        with pytest.raises((InvalidRequest, NotFound)), tree.open_file(path_bytes(path)):
            pass
    for path in ("file", "absolute", "up/secret", "inner/up/secret"):
        with pytest.raises((InvalidRequest, NotFound)):
            tree.preview(path_bytes(path))
    assert tree.summary().size < 1 << 20


def test_a_link_below_is_no_directory_of_the_layer(layers: Path, tree: Tree) -> None:
    (layers / "mid/dir").symlink_to(layers)
    write(layers / "low/dir/secret")
    write(layers / "top/dir/secret")
    assert changes(tree, "dir") == {"secret": "added"}
    assert changes(tree) == {"dir": "changed"}


def test_another_file_system_is_not_entered(layers: Path, tree: Tree) -> None:
    target = layers / "top/mounted"
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", target], check=True)
    try:
        write(target / "secret")
        with pytest.raises(InvalidRequest):
            tree.listing((b"mounted",))
        with pytest.raises(InvalidRequest), tree.open_file((b"mounted", b"secret")):
            pass
        write(layers / "top/file")
        subprocess.run(["mount", "--bind", "/proc/self/status", layers / "top/file"], check=True)
        with pytest.raises(InvalidRequest), tree.open_file((b"file",)):
            pass
        subprocess.run(["umount", layers / "top/file"], check=True)
    finally:
        subprocess.run(["umount", target], check=True)


def swapping(first: Callable[[], None], second: Callable[[], None], stop: threading.Event) -> None:
    while not stop.is_set():
        first()
        second()


@pytest.mark.parametrize("what", ["directory", "file"])
def test_who_swaps_names_for_links_wins_nothing(layers: Path, tree: Tree, what: str) -> None:
    """A thread exchanges a directory, or a file, with a link to the host's own while it is read, two thousand times."""
    top = layers / "top"
    outside = layers / "outside"
    write(outside / "file", SECRET)
    write(top / "a/file", "harmless")
    victim, spare = (top / "a", top / "spare") if what == "directory" else (top / "a/file", top / "a/spare")
    spare.symlink_to(outside if what == "directory" else outside / "file")

    def exchange() -> None:
        rename_exchange(victim, spare)

    stop = threading.Event()
    thread = threading.Thread(target=swapping, args=(exchange, exchange, stop))
    thread.start()
    seen: set[str] = set()
    try:
        for _ in range(2000):
            try:
                preview = tree.preview((b"a", b"file"))
                listed = {entry.size for entry in tree.listing((b"a",)).entries if entry.kind == Kind.FILE}
            except (InvalidRequest, NotFound) as error:
                seen.add(type(error).__name__)
                continue
            assert preview.text == "harmless"
            assert listed <= {8}
            seen.add("read")
    finally:
        stop.set()
        thread.join()
    # Both have been met: the race was one.
    assert seen >= {"read", "InvalidRequest"}


def rename_exchange(one: Path, other: Path) -> None:
    """renameat2(2) with RENAME_EXCHANGE: no moment without either."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    at_cwd, exchange = -100, 2
    if libc.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_a_tree_that_vanishes_under_our_feet_is_no_error(layers: Path, tree: Tree) -> None:
    top = layers / "top"
    stop = threading.Event()

    def make() -> None:
        write(top / "a/b/c/file", "x")

    def remove() -> None:
        subprocess.run(["rm", "-rf", top / "a"], check=True)

    thread = threading.Thread(target=swapping, args=(make, remove, stop))
    thread.start()
    try:
        for _ in range(300):
            tree.summary()
            for path in ("", "a", "a/b/c"):
                try:
                    tree.listing(path_bytes(path))
                except NotFound:
                    continue
    finally:
        stop.set()
        thread.join()


def test_a_hundred_thousand_names_are_shown_page_by_page(layers: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    many = layers / "top/many"
    many.mkdir()
    for number in range(100_000):
        os.mknod(many / f"f{number:06}")
    (many / "z-directory").mkdir()
    first = tree.listing((b"many",), limit=100)
    assert (first.total, len(first.entries), first.entries[0].name, first.entries[1].name) == (
        100_001,
        100,
        "z-directory",
        "f000000",
    )
    last = tree.listing((b"many",), offset=100_000, limit=100)
    assert [entry.name for entry in last.entries] == ["f099999"]
    # Counting ends after so many looks, and says so.
    assert inspect.MAX_LOOKS <= first.counts.added < inspect.MAX_LOOKS + 3
    assert not first.counts.complete
    monkeypatch.setattr(inspect, "MAX_LOOKS", 200_000)
    counts = tree.listing((b"many",), limit=1).counts
    assert (counts.added, counts.complete) == (100_001, True)
    assert tree.summary(max_looks=1000).counts.complete is False
    subprocess.run(["rm", "-rf", many], check=True)


def test_more_names_than_are_read_are_shown_in_part(layers: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "MAX_NAMES", 3)
    for number in range(4):
        write(layers / f"top/{number}")
    listing = tree.listing(())
    assert (listing.total, listing.complete) == (3, False)
    (layers / "top/3").unlink()
    assert tree.listing(()).complete


def test_directories_nested_without_bound_end_somewhere(layers: Path, tree: Tree) -> None:
    here = os.open(layers / "top", os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    assert not tree.summary().counts.complete
    assert len(tree.listing((b"d",) * 1500).entries) == 1
    subprocess.run(["rm", "-rf", layers / "top/d"], check=True)


def test_names_of_any_bytes_can_be_looked_at(layers: Path, tree: Tree) -> None:
    for name in (b"\xff", b"a\nb", b"<script>", b"x" * 255, "é".encode(), b"-rf", b"a\\b"):
        (layers / "top" / os.fsdecode(name)).write_bytes(name)
    for entry in tree.listing(()).entries:
        (name,) = path_bytes(entry.name)
        with tree.open_file((name,)) as file:
            assert os.read(file, 300) == name


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\ntext\n", "plain\ntext\n"),
        ("é".encode(), "é"),
        (b"\x1b[31mred\x1b]0;title\x07\x08", "red"),
        ("a\u202eb".encode(), "ab"),
        (b"a\r\nb\rc", "a\nb\nc"),
        (b"", ""),
        (b"\x7fELF\0", None),
        (b"\xff\xfe", None),
        (b"ok\xc3", None),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_a_preview_is_harmless_text_or_nothing(layers: Path, tree: Tree, data: bytes, text: str | None) -> None:
    (layers / "top/file").write_bytes(data)
    preview = tree.preview((b"file",))
    assert (preview.text, preview.complete, preview.size) == (text, True, len(data))


def test_a_preview_of_a_large_file_is_its_beginning(layers: Path, tree: Tree) -> None:
    (layers / "top/file").write_text("é" * 100)
    os.truncate(layers / "top/file", 1 << 40)
    preview = tree.preview((b"file",), max_bytes=11)
    assert (preview.text, preview.complete, preview.size) == ("ééééé", False, 1 << 40)


def test_the_size_is_the_room_on_disk_with_hard_links_counted_once(layers: Path, tree: Tree) -> None:
    base = tree.summary().size
    (layers / "top/file").write_bytes(b"x" * 100_000)
    os.link(layers / "top/file", layers / "top/same")
    os.truncate(write(layers / "top/sparse"), 1 << 40)
    used = subprocess.run(["du", "-s", "-B1", layers / "top"], capture_output=True, text=True, check=True).stdout.split()[0]
    assert tree.summary().size - base == int(used) - (layers / "top").stat().st_blocks * 512


@pytest.mark.parametrize("path", ["none", "none/more", "file/more"])
def test_what_is_not_there_is_not_found(layers: Path, tree: Tree, path: str) -> None:
    write(layers / "top/file")
    for look in (tree.listing, tree.entry, tree.preview):
        with pytest.raises((NotFound, InvalidRequest)):
            look(path_bytes(path))


def test_a_layer_that_is_not_there_is_not_found(layers: Path) -> None:
    (layers / "link").symlink_to(layers / "top")
    for top, below in (("none", []), ("top", ["none"]), ("link", []), ("secret", [])):
        with pytest.raises(NotFound):
            Tree(layers / top, [layers / name for name in below], IDMAP)


def test_the_path_that_is_not_there_is_named(layers: Path, tree: Tree) -> None:
    write(layers / "top/a/file")
    with pytest.raises(NotFound, match="There is no a/nothing "), tree.open_file((b"a", b"nothing")):
        pass


def test_no_directory_stays_open(layers: Path, tree: Tree) -> None:
    write(layers / "top/a/b/file")
    write(layers / "low/a/b/file")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("", "a", "a/b", "none", "a/b/file"):
        for look in (tree.listing, tree.preview, tree.entry):
            try:
                look(path_bytes(path))
            except (NotFound, InvalidRequest):
                continue
    tree.summary()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_container_that_runs_is_looked_into(box: Box) -> None:
    name = box.start("web")
    box.shell(name, "echo hello > /etc/motd; rm /etc/group; mkdir /data; mkfifo /data/pipe; ln -s /etc/shadow /data/link")
    with Tree(box.layout.ephemeral(name), [box.layout.layer("base")], IDMAP) as tree:
        found: dict[str, Any] = {entry.name: (str(entry.change), entry.uid) for entry in tree.listing((b"etc",)).entries}
        assert found["motd"] == ("added", 0)
        assert found["group"][0] == "removed"
        assert tree.preview((b"etc", b"motd")).text == "hello\n"
        assert {entry.name: str(entry.kind) for entry in tree.listing((b"data",)).entries} == {"pipe": "fifo", "link": "link"}
