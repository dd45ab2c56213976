"""The count of entries agrees with what reads the stream, in whatever pieces it comes."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.host.tar_entries import TarEntries

KINDS = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)


def count(data: bytes, piece: int = 1 << 20) -> int:
    entries = TarEntries()
    for at in range(0, len(data), piece):
        entries.feed(data[at : at + piece])
    return entries.count


def member(name: str, kind: bytes, size: int) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "x" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    # Headers of other kinds may name a size, too; nothing follows them.
    info.size = size
    return info, bytes(size) if kind == tarfile.REGTYPE else b""


@given(
    st.lists(st.tuples(st.text("ab/ü", min_size=1, max_size=300), st.sampled_from(KINDS), st.integers(0, 2000)), max_size=20),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.integers(1, 3000),
)
def test_every_entry_counts_once(members: list[tuple[str, bytes, int]], form: int, piece: int) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for info, data in (member(*one) for one in members):
            tar.addfile(info, io.BytesIO(data) if data else None)

    assert count(stream.getvalue(), piece) == len(members)


@pytest.mark.parametrize(
    "form", ["gnu", "oldgnu", "pax --sparse-version=0.0", "pax --sparse-version=0.1", "pax --sparse-version=1.0"]
)
def test_sparse_files_count_once(tmp_path: Path, form: str) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        for at in range(100):
            stream.seek(at * 1_000_000)
            stream.write(b"x" * 5000)
    (tmp_path / "other").write_text("x")
    argv = ["tar", "--sparse", "--create", *f"--format={form}".split(), "-C", tmp_path, "sparse", "other"]

    assert count(subprocess.run(argv, capture_output=True, check=True).stdout) == 2


def test_a_size_in_a_pax_header_counts_instead_of_the_next_headers() -> None:
    info = tarfile.TarInfo("a")
    info.size, info.pax_headers = 0, {"size": "1024"}
    hidden = tarfile.TarInfo("b").tobuf()

    assert count(info.tobuf(tarfile.PAX_FORMAT) + hidden + hidden + hidden) == 2


@given(st.binary(max_size=5000), st.integers(1, 600))
def test_any_bytes_are_counted_without_an_error(data: bytes, piece: int) -> None:
    assert count(data, piece) <= len(data) // 512
