"""The process that workers and monitor come from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

# Two children that wait for their end as worker and monitor do; "short" leaves a mark each time it begins.
PROGRAM = """
import pathlib, signal, sys
from containers.jobs.launcher import Launcher, Role

def long():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pause()

def short():
    with pathlib.Path(sys.argv[1]).open("a") as marks:
        marks.write("begun\\n")
    long()

Launcher([Role("a long one", long), Role("a short one", short)]).serve()
"""


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    return tmp_path / "marks"


@pytest.fixture
def launcher(marks: Path) -> Iterator[subprocess.Popen[bytes]]:
    # The title of a child takes the place of its parent's arguments: it needs their room.
    argv = [sys.executable, "-c", PROGRAM, str(marks), "room for titles"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: len(children(process.pid)) == 2 and marks.exists(), "both run")
            yield process
        finally:
            process.terminate()


def children(pid: int) -> dict[int, str]:
    """The children of a process with what `ps` shows for them."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode()
    return found


def named(pid: int, name: str) -> int:
    return next(child for child, title in children(pid).items() if title == name)


def test_each_child_goes_by_its_own_name(launcher: subprocess.Popen[bytes]) -> None:
    wait_until(lambda: set(children(launcher.pid).values()) == {"a long one", "a short one"}, "the titles")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_that_ends_is_started_again_and_its_brother_is_left_alone(
    launcher: subprocess.Popen[bytes], marks: Path, number: signal.Signals
) -> None:
    wait_until(lambda: set(children(launcher.pid).values()) == {"a long one", "a short one"}, "the titles")
    brother = named(launcher.pid, "a long one")
    os.kill(named(launcher.pid, "a short one"), number)
    wait_until(lambda: marks.read_text() == "begun\nbegun\n", "it runs again")
    assert named(launcher.pid, "a long one") == brother


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_both_have_stopped(launcher: subprocess.Popen[bytes], number: signal.Signals) -> None:
    pids = children(launcher.pid)
    launcher.send_signal(number)
    assert launcher.wait(timeout=120) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_no_child_outlives_it(launcher: subprocess.Popen[bytes]) -> None:
    pids = children(launcher.pid)
    launcher.kill()
    launcher.wait(timeout=120)
    wait_until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()], "they are gone")
