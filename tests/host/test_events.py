"""What lxc-monitor reports."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.domain.states import State
from containers.host import events
from tests.support.box import Box
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

Seen = list[tuple[str, State]]
DAEMON = "/usr/libexec/lxc/lxc-monitord"


@pytest.fixture
def seen(box: Box) -> Iterator[Seen]:
    """All changes since the test began; the listener is there before the test goes on."""
    found: Seen = []
    stop = threading.Event()
    thread = threading.Thread(
        target=lambda: [found.append(change) for change in events.iter_changes(box.layout.containers, stop)]
    )
    thread.start()
    wait_until(lambda: is_connected(box.layout), "lxc-monitor listens")
    yield found
    stop.set()
    thread.join()
    forget_daemon(box.layout)


def forget_daemon(layout: Layout) -> None:
    """End what lxc-monitor starts and what would stay for half a minute."""
    for pid in running(DAEMON, layout):
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not running(DAEMON, layout), "nothing listens any more")


def is_connected(layout: Layout) -> bool:
    """Whether lxc-monitord has a client: a connected socket is in state 03."""
    sockets = (line.split() for line in Path("/proc/net/unix").read_text().splitlines())
    return any(
        socket[5] == "03" and socket[-1].startswith("@lxc/") and socket[-1].endswith(f"/{layout.containers}")
        for socket in sockets
    )


def running(program: str, layout: Layout) -> list[int]:
    """Processes of a program that were given the containers' directory."""
    pids = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [
        int(path.name)
        for path in pids
        if (words := command_line(path))[:1] == [program] and str(layout.containers) in " ".join(words)
    ]


def command_line(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def test_every_change_is_reported_in_order(box: Box, seen: Seen) -> None:
    name = box.start()
    box.lxc.freeze(name)
    box.lxc.unfreeze(name)
    box.lxc.kill(name)

    wait_until(lambda: (name, State.STOPPED) in seen, "the end is reported")

    assert {changed for changed, _ in seen} == {name}
    assert [state.value for state, _ in itertools.groupby(state for _, state in seen)] == [
        *("STARTING", "RUNNING", "FREEZING", "FROZEN", "THAWED", "RUNNING", "STOPPING", "STOPPED")
    ]


def test_a_container_that_ends_by_itself_is_reported(box: Box, seen: Seen) -> None:
    name = box.start()
    pid = box.lxc.look(name).pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: (name, State.STOPPED) in seen, "the end is reported")


def test_a_listener_that_was_killed_is_started_again(box: Box, seen: Seen) -> None:
    [monitor] = running("/usr/bin/lxc-monitor", box.layout)
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: running("/usr/bin/lxc-monitor", box.layout) not in ([], [monitor]), "another one runs")
    wait_until(lambda: is_connected(box.layout), "it listens")

    name = box.start()

    wait_until(lambda: (name, State.RUNNING) in seen, "the start is reported")


def test_the_listener_dies_with_its_process(box: Box) -> None:
    path = f"pathlib.Path({str(box.layout.containers)!r})"
    code = f"import pathlib; from containers.host import events; list(events.iter_changes({path}))"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        wait_until(lambda: is_connected(box.layout), "it listens")
        process.kill()

    wait_until(lambda: not running("/usr/bin/lxc-monitor", box.layout), "lxc-monitor is gone")
    forget_daemon(box.layout)
