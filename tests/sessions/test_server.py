"""The session server: who gets in, how many, and what is left when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain import frames
from containers.errors import Conflict
from containers.services.sessions import Session
from tests.support.waiting import wait_until

# A session that says what it is sent until it is told "hang": then it takes no notice of anything.
PROGRAM = """
import pathlib, signal, sys
from containers.sessions import server

def serve(connection):
    while (frame := connection.receive()).payload != b"hang":
        connection.send(frame.payload)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.send(b"hanging")
    while True:
        signal.pause()

server.MAX_SESSIONS = 2
server.STOP_GRACE_S = 0.2
server.Server(pathlib.Path(sys.argv[1]), gid=0, uids={int(sys.argv[2])}, serve=serve).run()
"""


class Running:
    def __init__(self, path: Path, uid: int = 0) -> None:
        self.path = path
        # The title of a session takes the place of its parent's arguments: it needs their room.
        argv = [sys.executable, "-c", PROGRAM, str(path), str(uid), "room for titles"]
        self.said = path.with_suffix(".log")
        with self.said.open("wb") as output:
            self.process = subprocess.Popen(argv, stderr=output)
        wait_until(self.listens, "it listens")

    def listens(self) -> bool:
        assert self.process.poll() is None
        # Not by a connection, which would be a session. The flag is __SO_ACCEPTCON: it listens.
        lines = Path("/proc/net/unix").read_text().splitlines()
        return any(line.endswith(f" {self.path}") and line.split()[3] == "00010000" for line in lines)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(120)
        connection.connect(str(self.path))
        return connection

    def close(self) -> None:
        """End it, and first those of its sessions that take no notice."""
        for pid in self.sessions():
            os.kill(pid, signal.SIGKILL)
        self.process.terminate()
        self.process.wait(timeout=120)

    def sessions(self) -> list[int]:
        if self.process.poll() is not None:
            return []
        return [int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "sessions.sock")
    yield running
    running.close()


def say(connection: socket.socket, word: bytes) -> bytes:
    connection.sendall(frames.data(word))
    return next(iter(Session(connection))).payload


def test_each_session_has_a_process_of_its_own(server: Running) -> None:
    with server.connect() as first, server.connect() as second:
        assert (say(first, b"one"), say(second, b"two"), say(first, b"three")) == (b"one", b"two", b"three")
        wait_until(lambda: len(server.sessions()) == 2, "both run")
        titles = {Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ") for pid in server.sessions()}
        assert titles == {b"python -m manage session"}
    wait_until(lambda: server.sessions() == [], "both have ended with their connections")


def test_one_that_hangs_or_is_killed_hurts_nobody(server: Running) -> None:
    with server.connect() as hanging, server.connect() as other:
        say(hanging, b"hang")
        assert say(other, b"one") == b"one"
        for pid in server.sessions():
            os.kill(pid, signal.SIGKILL)
        assert (hanging.recv(1), other.recv(1)) == (b"", b"")
        wait_until(lambda: server.sessions() == [], "both are gone")
    with server.connect() as another:
        assert say(another, b"two") == b"two"


def test_more_than_so_many_are_told_to_wait(server: Running) -> None:
    with server.connect() as first, server.connect() as second:
        assert (say(first, b"one"), say(second, b"two")) == (b"one", b"two")
        with server.connect() as third, pytest.raises(Conflict, match="^2 sessions are open already. Close some first$"):
            list(Session(third))


def test_only_root_and_the_web_user_get_in(server: Running, tmp_path: Path) -> None:
    assert (server.path.owner(), server.path.group(), server.path.stat().st_mode & 0o777) == ("root", "root", 0o660)
    other = Running(tmp_path / "other.sock", uid=4711)
    with other.connect() as refused:
        assert refused.recv(1) == b""
    assert other.sessions() == []
    other.close()
    assert b"user 0 of the host may open no sessions" in other.said.read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sessions_end_with_it_also_those_that_hang(server: Running, number: signal.Signals) -> None:
    with server.connect() as hanging, server.connect() as other:
        say(hanging, b"hang")
        say(other, b"one")
        pids = server.sessions()
        server.process.send_signal(number)
        assert server.process.wait(timeout=120) == 0
        assert (hanging.recv(1), other.recv(1)) == (b"", b"")
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not server.path.exists()


def test_sessions_end_when_it_is_killed_and_the_next_takes_its_place(server: Running) -> None:
    with server.connect() as connection:
        say(connection, b"one")
        server.process.kill()
        assert connection.recv(1) == b""
    server.process.wait(timeout=120)
    again = Running(server.path)
    with again.connect() as connection:
        assert say(connection, b"two") == b"two"
    again.close()
