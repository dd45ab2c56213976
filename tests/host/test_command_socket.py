"""Whoever has an account on the host can listen in the place of a container's monitor: root then ran commands for them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from containers.errors import HostError
from containers.host import command_socket, facts, monitors
from tests.support import lxc
from tests.support.box import Box

pytestmark = pytest.mark.lxc

# What LXC's monitor would answer: RUNNING, and a process of the host in the place of init.
IMPOSTOR = """
import array, os, socket, struct, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(b"\\0" + sys.argv[1].encode())
listener.listen()
print("listens", flush=True)
target = int(sys.argv[2])
directory = os.open("/tmp", os.O_PATH)
while True:
    client, _ = listener.accept()
    request = client.recv(16)
    if len(request) < 16:
        continue
    command, size, _ = struct.unpack("<iiQ", request)
    text = client.recv(size) if size else b""
    code, number, blob, files = {
        3: (0, 2, b"", []),
        4: (0, target, b"", []),
        5: (0, 0x6E020000, b"", []),
        18: (0, 0, b"", [os.pidfd_open(target)]),
        23: (0, 0, struct.pack("<iii", 1, 0, 1) + bytes(84), [directory]),
    }.get(command, (0, 0, b"0\\0", []) if b"no_new" in text else (-1, 0, b"", []))
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    client.sendmsg([struct.pack("<iiQ", code, len(blob), number), blob], rights)
    client.close()
"""


@contextmanager
def impostor(box: Box, name: str) -> Iterator[None]:
    """Listen as `nobody` in the place of a container that does not run."""
    address = facts.socket_address(box.layout, name)[1:].decode()
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", IMPOSTOR, address]
    with subprocess.Popen([*argv, str(os.getpid())], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listens\n"
            yield
        finally:
            process.kill()


def test_no_command_is_run_for_who_says_that_the_container_runs(box: Box, tmp_path: Path) -> None:
    name = box.make()
    proof = tmp_path / "proof"
    with impostor(box, name):
        assert lxc.state(box.layout, name) == "RUNNING"
        with pytest.raises(HostError, match="user 65534 of the host listens"):
            box.lxc.attach(name, ["/bin/sh", "-c", f"id > {proof}"], timeout_s=60)
    assert not proof.exists()


def test_nobody_can_take_the_place_of_a_monitor_that_ends_meanwhile(box: Box) -> None:
    name = box.make()
    box.lxc.start(name, timeout_s=120)
    address = facts.socket_address(box.layout, name)
    with command_socket.held(box.layout, name) as lives:
        assert lives()
        monitor = monitors.find(box.layout, name)
        assert monitor is not None
        os.kill(monitor, signal.SIGKILL)
        with monitors.watching(monitor) as watched:
            assert monitors.has_ended(watched, 60)
        assert not lives()
        with socket.socket(socket.AF_UNIX) as taker, pytest.raises(OSError, match="in use"):
            taker.bind(address)
    box.lxc.stop(name, timeout_s=60)


def test_a_copy_of_our_own_is_no_monitor(box: Box) -> None:
    name = box.make()
    box.lxc.start(name, timeout_s=120)
    with command_socket.held(box.layout, name):
        monitor = monitors.find(box.layout, name)
        assert monitor is not None
        os.kill(monitor, signal.SIGKILL)
        with monitors.watching(monitor) as watched:
            assert monitors.has_ended(watched, 60)
        with pytest.raises(command_socket.NotListening), command_socket.held(box.layout, name):
            pass
    box.lxc.stop(name, timeout_s=60)


def test_a_tool_whose_monitor_ends_is_not_waited_for(box: Box) -> None:
    name = box.make()
    box.lxc.start(name, timeout_s=120)
    with command_socket.held(box.layout, name) as lives:
        monitor = monitors.find(box.layout, name)
        assert monitor is not None
        os.kill(monitor, signal.SIGKILL)
        result = box.runner.run(["sleep", "600"], timeout_s=600, ok_codes=None, has_partner=lives)
    assert result.exit_code == -signal.SIGTERM
    box.lxc.stop(name, timeout_s=60)


def test_a_container_that_was_started_in_the_foreground_is_known_by_its_socket(box: Box) -> None:
    name = box.make()
    argv = ["lxc-start", "-P", str(box.layout.containers), "-n", name, "-F"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        try:
            lxc.run("lxc-wait", "-P", str(box.layout.containers), "-n", name, "-s", "RUNNING", "-t", "120")
            assert box.lxc.attach(name, ["/bin/echo", "hello"], timeout_s=60).output == "hello"
        finally:
            lxc.run("lxc-stop", "-k", "-P", str(box.layout.containers), "-n", name)


def numbers(process: str) -> list[int]:
    """Return the files that a process has open."""
    return sorted(int(path.name) for path in Path(f"/proc/{process}/fd").iterdir() if path.exists())


def test_what_stands_for_another_file_by_now_is_passed_over(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """A monitor closes a connection and opens a file, between the look at its files and the copy of one."""
    name = box.start()
    monitor = monitors.find(box.layout, name)
    assert monitor is not None
    found = command_socket._sockets(monitor)
    others = [number for number in numbers(f"{monitor}") if number not in found]
    assert others
    monkeypatch.setattr(command_socket, "_sockets", lambda _pid: [*others, *found])
    before = numbers("self")
    with command_socket.held(box.layout, name) as partner:
        assert partner()
    assert numbers("self") == before
