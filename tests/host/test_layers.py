"""Layers made of archives, directories and busybox: complete or not there, and never with the host's rights."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.errors import Cancelled, CommandTimeout, Conflict, InvalidRequest
from containers.host import imports, layers
from containers.host.command import Runner
from tests.support import traces
from tests.support.box import IDMAP_BASE, IDMAP_SIZE, Box
from tests.support.recorder import KeepingRecorder
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

NAME = "imported"
Member = tuple[tarfile.TarInfo, bytes]


@pytest.fixture
def place(layout: Layout) -> Iterator[Layout]:
    before = sorted(path.name for path in layout.layers.iterdir())
    yield layout
    layers.remove(layout, Runner(), NAME)
    assert sorted(path.name for path in layout.layers.iterdir()) == before
    assert traces.mounts(layout.data_dir) == []


def member(
    name: str, kind: bytes = tarfile.REGTYPE, *, uid: int = 0, gid: int = 0, mode: int = 0o644, link: str = "", data: bytes = b"x"
) -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.uid, info.gid, info.mode, info.linkname = kind, uid, gid, mode, link
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    info.devmajor, info.devminor = 1, 3
    return info, data


def archive(path: Path, *members: Member, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path


def run_import(layout: Layout, path: Path, **options: object) -> layers.Made:
    source = imports.open_source(path, [path.parent])
    runner = options.pop("runner", Runner())
    return layers.import_source(layout, runner, source, NAME, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE, **options)  # type: ignore[arg-type]


def owner(path: Path) -> tuple[int, int, str]:
    status = path.lstat()
    return status.st_uid, status.st_gid, oct(status.st_mode & 0o7777)


TREE = (
    member("./", tarfile.DIRTYPE, mode=0o755),
    member("./etc", tarfile.DIRTYPE, mode=0o750),
    member("./etc/passwd"),
    member("./bin", tarfile.SYMTYPE, link="usr/bin"),
    member("./usr/bin/su", uid=5, gid=6, mode=0o4755, data=b"program"),
    member("./usr/bin/same", tarfile.LNKTYPE, link="./usr/bin/su"),
    member("./var/mail", tarfile.DIRTYPE, uid=65_535, gid=65_535, mode=0o2775),
    member("./run/fifo", tarfile.FIFOTYPE),
)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2", "zst"])
def test_an_archive_becomes_a_layer_with_shifted_owners(place: Layout, tmp_path: Path, mode: str) -> None:
    path = archive(tmp_path / "some.tar", *TREE, mode=mode if mode != "zst" else "w")
    plain = hashlib.sha256(archive(tmp_path / "plain.tar", *TREE).read_bytes()).hexdigest()
    if mode == "zst":
        subprocess.run(["zstd", "-q", "--rm", path, "-o", tmp_path / "some.tar.zst"], check=True)
        path = tmp_path / "some.tar.zst"

    made = run_import(place, path)

    layer = place.layer(NAME)
    assert owner(layer) == (IDMAP_BASE, IDMAP_BASE, "0o755")
    assert owner(layer / "etc") == (IDMAP_BASE, IDMAP_BASE, "0o750")
    assert owner(layer / "usr/bin/su") == (IDMAP_BASE + 5, IDMAP_BASE + 6, "0o4755")
    assert owner(layer / "var/mail") == (IDMAP_BASE + 65_535, IDMAP_BASE + 65_535, "0o2775")
    assert (layer / "bin").readlink() == Path("usr/bin")
    assert (layer / "usr/bin/same").stat().st_ino == (layer / "usr/bin/su").stat().st_ino
    assert (layer / "run/fifo").is_fifo()
    assert made.size_bytes >= 4096
    assert made.digest == plain


def test_extended_attributes_and_capabilities_come_along(place: Layout, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "ping").write_text("x")
    os.setxattr(source / "ping", "user.note", b"hello")
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    os.setxattr(source / "ping", "security.capability", capability)

    run_import(place, source)

    copied = place.layer(NAME) / "ping"
    assert os.getxattr(copied, "user.note") == b"hello"
    # Stored with the namespace's root, so that it gives nothing on the host.
    assert os.getxattr(copied, "security.capability")[-4:] == IDMAP_BASE.to_bytes(4, "little")


def test_a_directory_is_copied_with_shifted_owners_and_left_as_it_is(place: Layout, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "etc").mkdir(parents=True)
    (source / "etc" / "file").write_text("x")
    (source / "link").symlink_to("/etc/shadow")
    (source / "dev").mkdir()
    os.mknod(source / "dev" / "null", 0o20666, os.makedev(1, 3))
    os.chown(source / "etc" / "file", 5, 6)

    run_import(place, source)

    assert owner(place.layer(NAME) / "etc/file") == (IDMAP_BASE + 5, IDMAP_BASE + 6, "0o644")
    assert (place.layer(NAME) / "link").readlink() == Path("/etc/shadow")
    assert list((place.layer(NAME) / "dev").iterdir()) == []
    assert owner(source / "etc/file")[:2] == (5, 6)


@pytest.mark.parametrize("prefix", ["./", "", "/"])
def test_what_is_in_dev_is_left_out(place: Layout, tmp_path: Path, prefix: str) -> None:
    path = archive(
        tmp_path / "a.tar",
        member(f"{prefix}dev/null", tarfile.CHRTYPE),
        member(f"{prefix}dev/sda", tarfile.BLKTYPE),
        member("x"),
        member("y/dev/z"),
    )

    run_import(place, path)

    assert sorted(str(path.relative_to(place.layer(NAME))) for path in place.layer(NAME).rglob("*") if path.is_file()) == [
        "x",
        "y/dev/z",
    ]


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_a_device_anywhere_else_refuses_the_archive(place: Layout, tmp_path: Path, kind: bytes) -> None:
    path = archive(tmp_path / "a.tar", member("etc/x"), member("srv/disk", kind))

    with pytest.raises(InvalidRequest, match="srv/disk: Cannot mknod"):
        run_import(place, path)

    assert not place.layer(NAME).exists()


@pytest.mark.parametrize(
    "members",
    [
        [member("../../../../../../../../var/tmp/spocweb-evil")],
        [member("/var/tmp/spocweb-evil")],
        [member("up", tarfile.SYMTYPE, link="/var/tmp"), member("up/spocweb-evil")],
        [member("up", tarfile.SYMTYPE, link="../../../../../../../../../../var/tmp"), member("up/spocweb-evil")],
        [member("a", tarfile.SYMTYPE, link="."), member("a/up", tarfile.SYMTYPE, link="/var/tmp"), member("up/spocweb-evil")],
        [member("hard", tarfile.LNKTYPE, link="/etc/passwd"), member("hard")],
    ],
)
def test_nothing_is_written_outside(place: Layout, tmp_path: Path, members: list[Member]) -> None:
    passwd = Path("/etc/passwd").read_bytes()
    path = archive(tmp_path / "a.tar", *members)

    try:
        run_import(place, path)
    except InvalidRequest:
        assert not place.layer(NAME).exists()

    assert not Path("/var/tmp/spocweb-evil").exists()
    assert Path("/etc/passwd").read_bytes() == passwd


def test_an_owner_outside_the_map_refuses_the_archive(place: Layout, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="Cannot change ownership to uid 70000"):
        run_import(place, archive(tmp_path / "a.tar", member("x", uid=70_000)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a tar archive"),
        (b"hello" * 1000, "not a tar archive"),
        (b"\x1f\x8b" + b"garbage" * 100, "gzip"),
        (b"\xfd7zXZ\x00" + b"garbage" * 100, "xz"),
        (b"(\xb5/\xfd" + b"garbage" * 100, "Decoding error"),
        (b"PK\x03\x04" + b"garbage" * 100, "not a tar archive"),
    ],
)
def test_what_is_no_archive_is_refused_in_one_line(place: Layout, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.tar").write_bytes(content)

    with pytest.raises(InvalidRequest, match=reason) as caught:
        run_import(place, tmp_path / "a.tar")

    assert "\n" not in caught.value.brief
    assert not place.layer(NAME).exists()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_cut_archive_is_refused(place: Layout, tmp_path: Path, mode: str) -> None:
    path = archive(tmp_path / "a.tar", member("x", data=os.urandom(300_000)), mode=mode)
    path.write_bytes(path.read_bytes()[:200_000])

    with pytest.raises(InvalidRequest, match="nexpected"):
        run_import(place, path)

    assert not place.layer(NAME).exists()


def test_an_empty_archive_is_refused(place: Layout, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is empty$"):
        run_import(place, archive(tmp_path / "a.tar", member("dev/null", tarfile.CHRTYPE)))


def test_what_unpacks_to_more_than_the_limit_is_refused(place: Layout, tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", member("zeros", data=bytes(20_000_000)), mode="w:gz")
    assert path.stat().st_size < 100_000

    with pytest.raises(InvalidRequest, match="more than 10000000 bytes"):
        run_import(place, path, max_bytes=10_000_000)

    assert not place.layer(NAME).exists()


def test_a_layer_that_exists_is_not_touched(place: Layout, tmp_path: Path) -> None:
    run_import(place, archive(tmp_path / "a.tar", member("first")))

    with pytest.raises(Conflict, match=f"^layer {NAME} exists already$"):
        run_import(place, archive(tmp_path / "b.tar", member("second")))

    assert [path.name for path in place.layer(NAME).iterdir()] == ["first"]


def slow_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive whose unpacking takes longer than any test."""
    (tmp_path / "slow.py").write_text("import pathlib, time\npathlib.Path('half').write_text('x')\ntime.sleep(600)\n")
    monkeypatch.setattr(layers, "_UNPACK", "slow")
    monkeypatch.setitem(layers.ENVIRONMENT, "PYTHONPATH", str(tmp_path))
    return archive(tmp_path / "a.tar", member("x"))


def test_an_import_that_takes_too_long_is_ended_and_leaves_nothing(
    place: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandTimeout):
        run_import(place, slow_archive(tmp_path, monkeypatch), timeout_s=0.5)


def test_a_cancelled_import_leaves_nothing(place: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = threading.Event()
    halves = lambda: list(place.layers.glob(".unfinished-*/half"))  # noqa: E731
    threading.Thread(target=lambda: (wait_until(halves, "it is half done"), cancel.set())).start()

    with pytest.raises(Cancelled):
        run_import(place, slow_archive(tmp_path, monkeypatch), runner=Runner(KeepingRecorder(), cancel))


KILLED = """
import pathlib, sys
from containers.domain.layout import Layout
from containers.host import imports, layers
from containers.host.command import Runner
data, log, run, path = map(pathlib.Path, sys.argv[1:])
layers._UNPACK = "slow"
layers.ENVIRONMENT["PYTHONPATH"] = str(path.parent)
source = imports.open_source(path, [path.parent])
layers.import_source(Layout(data, log, run), Runner(), source, "imported", idmap_base=100000, idmap_size=65536)
"""


def test_what_a_killed_import_left_goes_with_the_next_and_what_runs_stays(
    place: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = slow_archive(tmp_path, monkeypatch)
    argv = [sys.executable, "-c", KILLED, *map(str, (place.data_dir, place.log_dir, place.run_dir, path))]
    with subprocess.Popen(argv) as process:
        wait_until(lambda: list(place.layers.glob(".unfinished-*/half")), "it is half done")
        layers.remove_unfinished(place)
        [half] = place.layers.glob(".unfinished-*")
        process.kill()
    [unpacking] = [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and cwd(pid) == half]
    os.kill(int(unpacking.name), 9)

    layers.remove_unfinished(place)

    assert not half.exists()


def cwd(process: Path) -> Path | None:
    try:
        return (process / "cwd").readlink()
    except OSError:
        return None


def test_removing_a_layer_is_complete_and_may_be_repeated(place: Layout, tmp_path: Path) -> None:
    run_import(place, archive(tmp_path / "a.tar", *TREE))

    layers.remove(place, Runner(), NAME)
    layers.remove(place, Runner(), NAME)

    assert not place.layer(NAME).exists()


def test_an_import_is_on_record(place: Layout, tmp_path: Path) -> None:
    recorder = KeepingRecorder()

    run_import(place, archive(tmp_path / "a.tar", *TREE), runner=Runner(recorder))

    assert recorder.programs == ["python3"]
    assert "containers.host.unpack" in recorder.commands[0].argv


def test_an_imported_layer_runs(box: Box, place: Layout, tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.tar",
        member("bin", tarfile.DIRTYPE, mode=0o755),
        member("bin/hello", mode=0o755, data=b"#!/bin/sh\necho hello\n"),
    )
    run_import(place, path)
    name = box.start(layers=["base", NAME])

    assert box.shell(name, "hello; stat -c %u /bin/hello").output.split() == ["hello", "0"]
    box.lxc.kill(name)


def test_the_busybox_layer_has_what_a_container_needs(box: Box, layout: Layout) -> None:
    layer = layout.layer("base")
    name = box.start()
    needed = ["proc", "sys", "dev", "tmp", "run", "root", "etc", "srv", "var/www"]

    assert [directory for directory in needed if not (layer / directory).is_dir()] == []
    assert owner(layer / "tmp") == (IDMAP_BASE, IDMAP_BASE, "0o1777")
    assert {owner(path)[:2] for path in layer.rglob("*")} == {(IDMAP_BASE, IDMAP_BASE)}
    script = """for applet in sh httpd wget nc init; do basename $(which $applet); done
        id -un; getent passwd nobody; getent group 0; getent passwd none; echo $?"""
    assert box.shell(name, script).output.split("\n") == [
        *("sh", "httpd", "wget", "nc", "init", "root"),
        *("nobody:x:65534:65534:nobody:/:/bin/false", "root:x:0:", "2"),
    ]


def test_a_busybox_with_libraries_brings_them(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a host whose busybox is not static: any program with libraries shows it."""
    from containers.host import busybox

    monkeypatch.setattr(busybox, "_program", lambda: Path("/bin/bash"))
    monkeypatch.setattr(busybox, "_applets", lambda *_: ["bash-too"])

    busybox.fill(tmp_path, Runner(), owner=IDMAP_BASE)

    tmp_path.chmod(0o755)
    result = subprocess.run(["chroot", tmp_path, "/bin/bash-too", "-c", "echo runs"], capture_output=True, text=True, check=False)
    assert (result.stdout, result.returncode) == ("runs\n", 0)
