"""The id map in /etc/subuid and /etc/subgid."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from containers.host import idmap
from containers.host.command import CommandResult, Runner
from tests.support.recorder import KeepingRecorder


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Files in place of the machine's own, which has newuidmap."""
    paths = tmp_path / "subuid", tmp_path / "subgid"
    monkeypatch.setattr(idmap, "_FILES", paths)
    monkeypatch.setattr(idmap.shutil, "which", lambda program: f"/usr/bin/{program}")
    return paths


@pytest.mark.parametrize(
    ("text", "is_given"),
    [
        ("root:100000:65536\n", True),
        ("0:100000:65536\n", True),
        ("# old\nroot:1:1\nroot:50000:200000\n", True),
        ("", False),
        ("root:100001:65536\n", False),
        ("root:100000:65535\n", False),
        ("other:100000:65536\n", False),
        ("root:100000\nroot:x:y\n", False),
    ],
)
def test_what_is_missing_is_said(files: tuple[Path, Path], text: str, is_given: bool) -> None:
    files[0].write_text(text)
    files[1].write_text("root:100000:65536\n")

    found = idmap.look(100_000, 65_536)

    assert found == ([] if is_given else [f"{files[0]} does not give root the ids 100000 to 165535"])


def test_missing_files_give_nothing(files: tuple[Path, Path]) -> None:
    assert len(idmap.look(100_000, 65_536)) == 2


def test_without_newuidmap_nothing_is_needed(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idmap.shutil, "which", lambda _: None)

    assert idmap.look(100_000, 65_536) == []


def test_others_in_the_range_are_named(files: tuple[Path, Path]) -> None:
    files[0].write_text("root:100000:65536\nalice:165535:1\nbob:165536:65536\n")
    files[1].write_text("carol:99999:2\n")

    assert idmap.owners(100_000, 65_536) == ["alice", "carol"]


class Elsewhere(Runner):
    """Runs usermod on files of its own."""

    def __init__(self, recorder: KeepingRecorder, root: Path) -> None:
        super().__init__(recorder)
        self._root = root

    def run(self, argv: Sequence[str | os.PathLike[str]], **options: Any) -> CommandResult:
        return super().run([argv[0], "--prefix", self._root, *argv[1:]], **options)


def test_what_is_missing_is_given_once(files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\n")
    monkeypatch.setattr(idmap, "_FILES", (etc / "subuid", etc / "subgid"))
    (etc / "subuid").write_text("alice:200000:65536\n")
    recorder = KeepingRecorder()
    runner = Elsewhere(recorder, tmp_path)

    assert idmap.ensure(100_000, 65_536, runner) is True
    assert idmap.ensure(100_000, 65_536, runner) is False

    assert (etc / "subuid").read_text() == "alice:200000:65536\nroot:100000:65536\n"
    assert (etc / "subgid").read_text() == "root:100000:65536\n"
    assert recorder.programs == ["usermod"]
