"""What one running panel has for itself: locks, an address, database files."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.errors import Conflict, HostError
from containers.host import stack

GID = 65_534
SUFFIXES = ("", "-wal", "-shm", "-journal")


def facts(database: Path) -> dict[str, tuple[int, int, str]]:
    """Owner, group and mode of each of the database's files."""
    found = {}
    for suffix in SUFFIXES:
        status = Path(f"{database}{suffix}").stat()
        found[suffix] = (status.st_uid, status.st_gid, f"{status.st_mode & 0o7777:o}")
    return found


EXPECTED = {"": (0, GID, "660"), "-wal": (0, GID, "660"), "-shm": (0, GID, "660"), "-journal": (0, GID, "600")}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "db.sqlite3"
    stack.ensure_database(file, gid=GID)
    return file


@contextlib.contextmanager
def process(code: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program that prints a line when it is ready and then waits for its end."""
    argv = [sys.executable, "-c", f"{code}\nimport sys\nprint('ready', flush=True)\nsys.stdin.read()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running
        running.communicate()


def use(database: Path) -> None:
    """Write something over a connection that is the last one when it closes."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS things (name TEXT)")
        connection.execute("INSERT INTO things VALUES ('one')")
        connection.commit()


def test_the_database_files_are_made_for_root_and_the_web_group(database: Path) -> None:
    assert facts(database) == EXPECTED


def test_files_that_others_made_get_their_owner_and_mode_back(database: Path) -> None:
    use(database)
    for suffix in ("", "-wal", "-shm"):
        file = Path(f"{database}{suffix}")
        file.touch()
        os.chown(file, 1234, 1234)
        file.chmod(0o666)
    stack.ensure_database(database, gid=GID)
    assert facts(database) == EXPECTED
    use(database)


def test_a_journal_that_somebody_else_wrote_is_thrown_away(database: Path) -> None:
    journal = Path(f"{database}-journal")
    journal.write_bytes(b"names files that SQLite would delete")
    os.chown(journal, 1234, 1234)
    stack.ensure_database(database, gid=GID)
    assert (journal.read_bytes(), facts(database)) == (b"", EXPECTED)


@pytest.mark.parametrize("make", ["link", "hardlink"])
def test_a_file_that_leads_elsewhere_is_replaced_and_its_aim_left_alone(database: Path, tmp_path: Path, make: str) -> None:
    aim = tmp_path / "aim"
    aim.write_text("precious")
    aim.chmod(0o640)
    wal = Path(f"{database}-wal")
    wal.unlink()
    if make == "link":
        wal.symlink_to(aim)
    else:
        wal.hardlink_to(aim)
    stack.ensure_database(database, gid=GID)
    assert facts(database) == EXPECTED
    assert (aim.read_text(), aim.stat().st_mode & 0o777, aim.stat().st_gid) == ("precious", 0o640, 0)


def test_while_the_database_is_held_no_last_connection_removes_its_files(database: Path) -> None:
    use(database)
    stack.ensure_database(database, gid=GID)
    # Held by a program that was put in the place of the one that took the lock, as the supervisor is.
    code = f"""
import os, pathlib, sys
from containers.host import stack
if len(sys.argv) == 1:
    stack.hold_database(pathlib.Path({str(database)!r}))
    os.execv(sys.executable, [sys.executable, "-c", "print('ready', flush=True); import sys; sys.stdin.read()", "again"])
"""
    with process(code):
        use(database)
        assert facts(database) == EXPECTED
    use(database)
    assert not Path(f"{database}-wal").exists()


def test_a_lock_is_held_by_one_process_and_names_it(tmp_path: Path) -> None:
    file = tmp_path / "run" / "stack.lock"
    code = f"import pathlib\nfrom containers.host import stack\nstack.lock([pathlib.Path({str(file)!r})])"
    with process(code) as holder:
        with pytest.raises(Conflict) as caught:
            stack.lock([file])
        assert caught.value.brief == f"{file} is locked: another panel runs there, process {holder.pid}"
    with process(code):
        pass


def test_a_program_that_the_holder_starts_does_not_keep_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "stack.lock"
    code = f"""
import pathlib, subprocess
from containers.host import stack
stack.lock([pathlib.Path({str(file)!r})])
child = subprocess.Popen(["/bin/sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(child.pid, flush=True)
import os; os._exit(0)
"""
    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    try:
        with process(
            f"import pathlib\nfrom containers.host import stack\nstack.lock([pathlib.Path({str(file)!r})])"
        ) as next_holder:
            assert file.read_text() == f"{next_holder.pid}\n"
    finally:
        os.kill(child, 9)


def test_a_free_address_is_accepted_and_stays_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    stack.check_bind(f"127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(HostError, match=f"SPOCWEB_BIND={address} cannot be used: Address already in use"):
            stack.check_bind(address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:80", "only root may listen below port 1024"),
        ("192.0.2.1:8000", "Cannot assign requested address"),
        ("no.such.host.invalid:8000", "cannot be used"),
    ],
)
def test_an_address_that_cannot_be_used_is_named(address: str, reason: str) -> None:
    with pytest.raises(HostError) as caught:
        stack.check_bind(address)
    assert address in caught.value.brief
    assert reason in caught.value.brief


def test_an_unknown_web_user_is_named() -> None:
    with pytest.raises(HostError, match="no user or group nobody-here"):
        stack.ids("nobody-here")


def test_who_is_not_root_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(HostError, match="needs root"):
        stack.require_root()


def test_missing_lxc_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match=r"LXC is not installed.*make setup"):
        stack.require_lxc()
