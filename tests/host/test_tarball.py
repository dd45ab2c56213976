"""The one tar stream of a tree: complete, the same on every host, and what an OCI layer would have."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.host import imports, layers
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY
from containers.host.tarball import Digest, Tarball, TarballError, main
from tests.support.box import IDMAP_BASE, IDMAP_SIZE

CAPABILITY_2 = bytes.fromhex("0100000200200000000000000000000000000000")
CAPABILITY_3 = bytes.fromhex("0100000300200000000000000000000000000000") + IDMAP_BASE.to_bytes(4, "little")


def stream(path: Path, *, shift: int = 0) -> bytes:
    sink = io.BytesIO()
    top = os.open(path, OPEN_DIRECTORY)
    try:
        Tarball(sink, shift, IDMAP_SIZE).write(top)
    finally:
        os.close(top)
    return sink.getvalue()


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: member for member in tar}


def access_list(*, user: int) -> bytes:
    """user::rw-, user:NUMBER:r--, group::r--, mask::r--, other::r-- as the kernel keeps them."""
    entries = ((0x01, 6, 2**32 - 1), (0x02, 4, user), (0x04, 4, 2**32 - 1), (0x10, 4, 2**32 - 1), (0x20, 4, 2**32 - 1))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "etc").mkdir(parents=True)
    top.chmod(0o755)
    (top / "etc/b").write_text("two")
    (top / "etc/a").write_text("one")
    (top / "etc/a").chmod(0o4755)
    os.link(top / "etc/a", top / "z")
    (top / "link").symlink_to("etc/a")
    os.mkfifo(top / "fifo")
    for path in (top, *top.rglob("*")):
        os.utime(path, (1, 1_700_000_000.75), follow_symlinks=False)
    return top


def test_a_stream_holds_a_tree_in_a_fixed_order(tree: Path) -> None:
    found = members(stream(tree))

    assert list(found) == [".", "etc", "fifo", "link", "z", "etc/a", "etc/b"]
    assert (found["z"].size, found["z"].mode, found["z"].mtime) == (3, 0o4755, 1_700_000_000)
    assert (found["etc/a"].type, found["etc/a"].linkname) == (tarfile.LNKTYPE, "z")
    assert found["link"].linkname == "etc/a"
    assert found["fifo"].type == tarfile.FIFOTYPE


def test_the_same_tree_gives_the_same_bytes_elsewhere_and_with_other_owners(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", tree, copy], check=True)
    for path in (copy, *copy.rglob("*")):
        os.lchown(path, IDMAP_BASE, IDMAP_BASE)
    (copy / "etc/a").chmod(0o4755)

    assert stream(copy, shift=IDMAP_BASE) == stream(tree)


def test_names_and_attributes_survive_whatever_their_bytes(tree: Path, place: Layout) -> None:
    names = [b"line\nbreak", b"\xff\xfe", "ümläut".encode(), b"x" * 255, b"a b"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_text("x")
    os.setxattr(tree / "etc/a", "user.note", b"\x00\xff\nhello")
    os.setxattr(tree / "etc/b", "security.capability", CAPABILITY_2)
    os.setxattr(tree / "etc/b", "system.posix_acl_access", access_list(user=1000))
    os.setxattr(tree / "etc", "system.posix_acl_default", access_list(user=65_535))
    before = stream(tree)

    made = layers.import_source(
        place,
        Runner(),
        imports.open_source(tree, [tree.parent]),
        "copied",
        idmap_base=IDMAP_BASE,
        idmap_size=IDMAP_SIZE,
    )

    layer = place.layer("copied")
    assert made.digest == hashlib.sha256(before).hexdigest()
    assert stream(layer, shift=IDMAP_BASE) == before
    assert os.getxattr(layer / "etc/b", "security.capability") == CAPABILITY_3
    assert {os.fsencode(path.name) for path in layer.iterdir()} >= set(names)
    assert os.getxattr(layer / "etc/b", "system.posix_acl_access") == access_list(user=IDMAP_BASE + 1000)
    assert os.getxattr(layer / "etc", "system.posix_acl_default") == access_list(user=IDMAP_BASE + 65_535)


@pytest.fixture
def place(layout: Layout) -> Layout:
    yield layout
    layers.remove(layout, Runner(), "copied")


def test_whiteouts_become_those_of_an_oci_layer(tree: Path) -> None:
    os.mknod(tree / "etc/gone", 0o20000, os.makedev(0, 0))
    os.setxattr(tree / "etc", "trusted.overlay.opaque", b"y")
    os.setxattr(tree / "etc", "trusted.overlay.origin", b"some handle")

    found = members(stream(tree))

    assert found["etc/.wh.gone"].isreg()
    assert found["etc/.wh..wh..opq"].isreg()
    assert "etc/gone" not in found
    assert found["etc"].pax_headers == {}


def test_what_a_container_makes_itself_is_left_out(tree: Path) -> None:
    (tree / "dev").mkdir()
    os.mknod(tree / "dev/null", 0o20666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tree)
        listener.bind("socket")
        os.chdir(here)

        assert not {"dev/null", "socket"} & set(members(stream(tree)))


def foreign_owner(tree: Path) -> None:
    os.chown(tree / "etc/a", 70_000, 0)


def whiteout_name(tree: Path) -> None:
    (tree / "etc/.wh.b").write_text("")


def redirect(tree: Path) -> None:
    os.setxattr(tree / "etc", "trusted.overlay.redirect", b"/usr")


def foreign_capability(tree: Path) -> None:
    os.setxattr(tree / "etc/b", "security.capability", CAPABILITY_3)


def too_deep(tree: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(tree)
    for _ in range(30):
        Path("x" * 200).mkdir()
        os.chdir("x" * 200)
    os.fchdir(here)
    os.close(here)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (foreign_owner, "belongs to 70000, which is not in the id map"),
        (whiteout_name, r"etc/\.wh\.b: in an archive, such a name would hide another file"),
        (redirect, "was renamed in an overlay"),
        (foreign_capability, "has capabilities for another id map"),
    ],
)
def test_what_cannot_be_told_truly_is_refused(tree: Path, spoil, reason: str) -> None:
    spoil(tree)

    with pytest.raises(TarballError, match=reason):
        stream(tree)


def test_a_tree_that_is_too_deep_is_refused_in_one_line(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    too_deep(tree)

    assert main(["--digest", "0", "65536", str(tree)]) == 1
    assert capsys.readouterr().err.endswith(": File name too long\n")
    subprocess.run(["rm", "-rf", tree], check=True)


def test_links_are_written_and_never_followed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tree / "out").symlink_to(tmp_path / "secret")
    (tree / "up").symlink_to("..")

    data = stream(tree)

    assert b"secret" not in data.replace(b"/secret", b"")
    assert members(data)["up"].issym()


def test_the_digest_is_that_of_the_stream(tree: Path) -> None:
    digest = Digest()
    digest.write(stream(tree))

    assert layers.tree_digest(tree, Runner(), idmap_base=0, idmap_size=IDMAP_SIZE) == digest.hex
