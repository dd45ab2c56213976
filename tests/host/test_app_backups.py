"""Backups are read as hostile, and files of apps go through no link that a container made."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.domain import signature
from containers.domain.layout import Layout
from containers.errors import HostError, InvalidRequest, Untrusted
from containers.host import app_backups, backup_index, directories, pack, volume_copies, volume_files
from containers.host.app_backups import Contents
from containers.host.overlay import IdMap
from tests.support import lxc
from tests.support.box import IDMAP_BASE, IDMAP_SIZE

IDMAP = IdMap(IDMAP_BASE, IDMAP_SIZE)
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
HEADER = (app_backups.HEADER, json.dumps({"backup": 1}).encode())


def archive(*entries: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mode = kind, len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def read(path: Path, content: bytes) -> Contents:
    path.write_bytes(content)
    file = os.open(path, os.O_RDONLY)
    try:
        return app_backups.read(file)
    finally:
        os.close(file)


def test_what_an_old_backup_has_is_found(tmp_path: Path) -> None:
    found = read(tmp_path / "x", archive(HEADER, ("volumes/data.tar", b"abc")))
    assert (found.header, found.volumes["data"].size, found.has_sums) == ({"backup": 1}, 3, False)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE, b"7"])
def test_extended_headers_are_not_read(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(InvalidRequest, match="is no file"):
        read(tmp_path / "x", archive(HEADER)[:1024] + archive(("much", b"x" * 2000), kind=kind))


def test_a_member_that_is_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    volume = pack.header("volumes/data.tar", 2**61)
    with pytest.raises(InvalidRequest, match="data.tar is longer than the file"):
        read(tmp_path / "x", archive(HEADER)[:1024] + volume)


def test_there_is_an_end_to_what_a_backup_holds(tmp_path: Path) -> None:
    many = [(f"volumes/a{number}.tar", b"") for number in range(300)]
    with pytest.raises(InvalidRequest, match="does not belong there"):
        read(tmp_path / "x", archive(HEADER, *many))


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A backup with sums, with an empty volume and one of a block and a bit."""
    path = tmp_path / "signed"
    with path.open("w+b", buffering=0) as stream:
        app_backups.write_header(stream, {"backup": 2})
        stream.write(backup_index.entry("volumes/data.tar", b"x" * 600) + backup_index.entry("volumes/none.tar", b""))
        app_backups.finish(stream, lxc.runner(), KEY)
    return path


def judged(path: Path) -> Contents:
    """All that is looked at before anything is made of a backup."""
    with path.open("rb") as stream:
        found = app_backups.read(stream.fileno())
        app_backups.verify(lxc.runner(), stream.fileno(), found)
        return found


def test_a_backup_has_the_sums_of_all_that_is_in_it(signed: Path) -> None:
    found = judged(signed)
    assert (found.header, found.key) == ({"backup": 2}, signature.public_key_of(KEY))
    assert {key: member.size for key, member in found.volumes.items()} == {"data": 600, "none": 0}
    with tarfile.open(signed) as archive:
        assert archive.getnames() == ["backup.json", "volumes/data.tar", "volumes/none.tar", "index.json", "index.sig"]
        index = json.loads(archive.extractfile("index.json").read())  # type: ignore[union-attr]
    assert index["members"]["volumes/data.tar"] == {"size": 600, "sha256": hashlib.sha256(b"x" * 600).hexdigest()}


def test_a_backup_with_any_byte_changed_is_refused(signed: Path) -> None:
    """Also in what tar does not look at: times, padding, and what is behind the end."""
    content = signed.read_bytes()
    believed = []
    for position in range(len(content)):
        changed = content[position] ^ (1 << position % 8)
        signed.write_bytes(content[:position] + bytes([changed]) + content[position + 1 :])
        try:
            judged(signed)
            believed.append(position)
        except (InvalidRequest, Untrusted):
            pass
    assert believed == []


@pytest.mark.parametrize("change", [lambda found: found[:-1], lambda found: found + b"\0", lambda found: found[:-1024]])
def test_a_backup_that_is_shorter_or_longer_is_refused(signed: Path, change: Callable[[bytes], bytes]) -> None:
    signed.write_bytes(change(signed.read_bytes()))
    with pytest.raises(Untrusted, match="its end is not what was written"):
        judged(signed)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"backup": 2}, "does not end with"),
        ({"backup": 3}, "does not end with"),
        ({"backup": 4}, "is the format 4; this panel reads the formats 1 to 3: a newer one"),
        ({"backup": True}, "is the format True"),
        ({}, "is the format None"),
    ],
)
def test_sums_cannot_be_left_out(tmp_path: Path, header: dict[str, object], message: str) -> None:
    content = archive((app_backups.HEADER, json.dumps(header).encode()), ("volumes/data.tar", b"abc"))
    with pytest.raises((InvalidRequest, Untrusted), match=message):
        read(tmp_path / "x", content)


def test_a_volume_that_is_not_in_the_index_is_refused(signed: Path, tmp_path: Path) -> None:
    with tarfile.open(signed) as archive_of:
        parts = {name: archive_of.extractfile(name).read() for name in archive_of.getnames()}  # type: ignore[union-attr]
    parts.pop("volumes/none.tar")
    with pytest.raises(Untrusted, match=r"does not hold what its index.json names"):
        read(tmp_path / "x", archive(*parts.items()))


def test_a_signature_of_another_key_or_for_something_else_is_wrong(signed: Path, tmp_path: Path) -> None:
    content = signed.read_bytes()
    with tarfile.open(signed) as archive_of:
        index = archive_of.extractfile("index.json").read()  # type: ignore[union-attr]
        old = archive_of.extractfile("index.sig").read()  # type: ignore[union-attr]
    for new in (
        signature.sign(KEY, signature.IMAGE, index),
        old.replace(signature.public_key_of(KEY).encode(), signature.public_key_of(OTHER).encode()),
    ):
        with pytest.raises(Untrusted, match="is not what was signed"):
            read(tmp_path / "x", content.replace(old, new))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x" * 3000,
        archive(),
        archive(("volumes/data.tar", b"")),
        archive((app_backups.HEADER, b"[1]")),
        archive((app_backups.HEADER, b"{")),
        archive((app_backups.HEADER, b"[" * 100_000)),
        archive(HEADER, HEADER),
        archive(HEADER, ("index.json", b"{}")),
        archive(HEADER, ("volumes/../../etc/passwd.tar", b"")),
        archive(HEADER, ("/etc/passwd", b"")),
        archive(HEADER, ("volumes/data.tar", b""), ("volumes/data.tar", b"")),
        archive((app_backups.HEADER, b""), kind=tarfile.SYMTYPE),
        archive(HEADER, ("volumes/data.tar", b"x" * 5000))[:4000],
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="this is no backup"):
        read(tmp_path / "x", content)


@pytest.fixture
def volume(layout: Layout) -> Iterator[Path]:
    directories.ensure_volume(layout, "data", is_file=False, uid=IDMAP_BASE, gid=IDMAP_BASE)
    yield layout.volume("data")
    for path in layout.volumes.iterdir():
        lxc.run("rm", "-rf", str(path))


def unpack(layout: Layout, tmp_path: Path, inner: bytes) -> None:
    path = tmp_path / "backup"
    found = read(path, archive(HEADER, ("volumes/data.tar", inner)))
    file = os.open(path, os.O_RDONLY)
    try:
        app_backups.unpack(layout, lxc.runner(), file, found.volumes["data"], "new", IDMAP)
    finally:
        os.close(file)


def hostile(name: str, kind: bytes, link: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.devmajor, info.devminor = kind, link, 8, 0
        tar.addfile(info)
        if kind == tarfile.SYMTYPE:
            below = tarfile.TarInfo(f"{name}/written")
            below.size = 1
            tar.addfile(below, io.BytesIO(b"x"))
    return stream.getvalue()


@pytest.mark.usefixtures("volume")
@pytest.mark.parametrize(
    "inner",
    [
        hostile("disk", tarfile.BLKTYPE),
        hostile("out", tarfile.SYMTYPE, "/var/tmp"),
        archive(("../../escaped", b"x")),
        b"this is no archive" * 100,
    ],
)
def test_a_hostile_volume_is_refused_and_nothing_of_it_stays(layout: Layout, tmp_path: Path, inner: bytes) -> None:
    with pytest.raises(InvalidRequest, match="cannot be unpacked"):
        unpack(layout, tmp_path, inner)
    assert not layout.volume("new").exists()
    assert not Path("/var/tmp/written").exists()
    assert not (layout.data_dir / "escaped").exists()


@pytest.mark.usefixtures("volume")
def test_owners_are_the_containers(layout: Layout, tmp_path: Path) -> None:
    unpack(layout, tmp_path, archive(("a", b"x")))
    assert (layout.volume("new") / "a").stat().st_uid == IDMAP_BASE


@pytest.mark.parametrize("path", ["link/x", "link", "file/x"])
def test_files_go_through_no_link(layout: Layout, volume: Path, tmp_path: Path, path: str) -> None:
    (volume / "link").symlink_to(tmp_path)
    (volume / "file").write_text("")
    if path == "link":
        # What stands in the place of the file is replaced, never written through.
        assert volume_files.write(layout, "data", path, b"x", mode=0o600, uid=IDMAP_BASE, gid=IDMAP_BASE)
        assert (volume / "link").read_text() == "x"
    else:
        with pytest.raises(HostError, match="a link or no directory"):
            volume_files.write(layout, "data", path, b"x", mode=0o600, uid=IDMAP_BASE, gid=IDMAP_BASE)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_put_back_wherever_it_was_left(layout: Layout, volume: Path) -> None:
    (volume / "a").write_text("old")
    (volume / "link").symlink_to("/etc")
    assert volume_copies.copy(layout, lxc.runner(), "data", "data.before-1") > 0
    (volume / "a").write_text("new")
    assert (layout.volume("data.before-1") / "link").is_symlink()
    # Killed in between: the volume is out of the way already.
    volume.rename(layout.volumes / ".unfinished-data.0")
    assert volume_copies.put_back(layout, "data", "data.before-1")
    assert (volume / "a").read_text() == "old"
    assert not volume_copies.put_back(layout, "data", "data.before-1")
    assert (volume / "a").read_text() == "old"
