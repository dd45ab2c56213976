"""Recordings of terminals: what is kept, for whom, and how much."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from containers.errors import HostError
from containers.host import recording
from containers.host.recording import Recording, make_room
from containers.host.terminal import Size

SIZE = Size(80, 24)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_is_an_asciicast(tmp_path: Path) -> None:
    made = Recording(tmp_path, 7, SIZE, "admin in web")
    # A character may come in two pieces.
    made.printed(b"olympi\xc3")
    made.printed(b"\xa9 \x1b[31m\xff")
    made.resized(Size(100, 30))
    made.close()
    header, *rest = lines(tmp_path / "7.cast")
    assert {key: header[key] for key in ("version", "width", "height", "title")} == {
        "version": 2,
        "width": 80,
        "height": 24,
        "title": "admin in web",
    }
    assert [line[1:] for line in rest] == [["o", "olympi"], ["o", "é \x1b[31m\ufffd"], ["r", "100x30"]]
    assert (tmp_path / "7.cast").stat().st_mode & 0o777 == 0o600


def test_it_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_BYTES", 1_000)
    made = Recording(tmp_path, 7, SIZE, "")
    for _ in range(100):
        made.printed(b"x" * 100)
    made.close()
    assert lines(tmp_path / "7.cast")[-1][1:] == ["m", "more than 1000 bytes are not kept"]
    assert (tmp_path / "7.cast").stat().st_size < 1_300


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_in_its_place_is_not_written_to(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").write_text("other")
    (tmp_path / "7.cast").symlink_to("other") if kind == "link" else (tmp_path / "7.cast").write_text("other")
    with pytest.raises(HostError, match="^The terminal cannot be recorded: File exists$"):
        Recording(tmp_path, 7, SIZE, "")
    assert (tmp_path / "7.cast").read_text() == "other"


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    made = Recording(tmp_path, 7, SIZE, "")
    file = os.dup(made._stream.fileno())
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, made._stream.fileno())
    os.close(full)
    with pytest.raises(HostError, match="^The terminal cannot be recorded: No space left on device$"):
        made.printed(b"x")
    os.dup2(file, made._stream.fileno())
    os.close(file)
    made.close()


def test_the_oldest_make_room(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.cast").write_bytes(b"x" * 100)
        os.utime(tmp_path / f"{number}.cast", (number, number))
    (tmp_path / "other").write_bytes(b"x" * 1_000)
    make_room(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.cast", "3.cast", "other"]
