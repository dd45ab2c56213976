"""Images written as one file: what stands in the way of it, and what a file without a good signature is worth."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import signature
from containers.domain.image import Defaults, ImageRef
from containers.domain.layout import Layout
from containers.errors import HostError, Untrusted
from containers.host import archives, repository
from containers.host.archives import Content, Writer
from containers.host.command import Runner
from containers.host.pack import Compressor
from tests.support.box import IDMAP_BASE, IDMAP_SIZE, LAYER

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = signature.public_key_of(KEY)


@pytest.fixture
def small(layout: Layout) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=513m", "tmpfs", layout.repository], check=True)
    yield layout.repository
    subprocess.run(["umount", layout.repository], check=True)


def write(layout: Layout, *layers: str) -> archives.Written:
    with repository.unfinished(layout) as (path, stream):
        writer = Writer(layout, Runner(), stream, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE)
        written = writer.write(Content(ImageRef("app", "1"), layers, Defaults()), KEY)
        archives.verify(path, PUBLIC)
        return written


def test_a_disk_that_is_nearly_full_ends_it_and_nothing_stays(layout: Layout, base_layer: str, small: Path) -> None:
    (small / "other").write_bytes(bytes(2 << 20))
    with pytest.raises(HostError, match=f"layer {LAYER} cannot be exported: the disk is nearly full"):
        write(layout, base_layer)
    assert [path.name for path in small.iterdir()] == ["other"]


def test_the_compressor_does_not_outlive_what_went_wrong(tmp_path: Path) -> None:
    with (tmp_path / "archive").open("wb") as archive:
        compressor = Compressor(archive.fileno())
        with pytest.raises(ZeroDivisionError), compressor:
            compressor.write(bytes(2 << 20) * (1 // 0))
    assert compressor._process.returncode is not None


def test_a_layer_that_is_there_twice_is_written_once(layout: Layout, base_layer: str) -> None:
    once, twice = write(layout, base_layer), write(layout, base_layer, base_layer)
    assert twice.layers == once.layers * 2
    assert twice.size < once.size + 10_000


def test_a_layer_that_is_not_there_is_named(layout: Layout) -> None:
    with pytest.raises(HostError, match="layer gone cannot be exported: .*No such file or directory"):
        write(layout, "gone")


def archive(**members: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


GOOD = archive(index_json=b"{}", spocweb_sig=signature.sign(KEY, signature.IMAGE, b"{}"))


def judge(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    archives.verify(path, PUBLIC)


def test_a_good_signature_is_taken(tmp_path: Path) -> None:
    judge(tmp_path / "x", GOOD)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 10_240,
        GOOD[:700],
        archive(index_json=b"{}"),
        archive(spocweb_sig=b"{}"),
        archive(index_json=b"{ }", spocweb_sig=signature.sign(KEY, signature.IMAGE, b"{}")),
        archive(index_json=b"{}", spocweb_sig=signature.sign(KEY, signature.INDEX, b"{}")),
        archive(index_json=b"{}", spocweb_sig=b"x" * 5000),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Untrusted):
        judge(tmp_path / "x", content)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_one_changed_byte_never_is_another_index(tmp_path_factory: pytest.TempPathFactory, at: int, by: int) -> None:
    """Either refused, or the index is still what was signed: what else stands in headers means nothing."""
    content = bytearray(GOOD)
    content[at] ^= by
    path = tmp_path_factory.getbasetemp() / "changed"
    try:
        judge(path, bytes(content))
    except Untrusted:
        return
    with tarfile.open(path) as tar:
        assert tar.extractfile("index.json").read() == b"{}"  # type: ignore[union-attr]
