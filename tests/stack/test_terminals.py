"""Terminals over the whole panel: opened, joined again, ended in all the ways there are, and who may not."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import lxc
from tests.support.stack import Stack
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until
from tests.support.websocket import BINARY, TEXT, Refused, WebSocket

pytestmark = [pytest.mark.stack, pytest.mark.lxc]

SOCKET = "/api/v1/containers/web/terminals/socket/"


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    """One in which nobody may be away for long, but long enough to come back; with recordings."""
    stack = Stack(SPOCWEB_TERMINAL_GRACE_SECONDS="20", SPOCWEB_TERMINAL_RECORDING="1", SPOCWEB_LOG_LEVEL="INFO")
    try:
        stack.start()
        stack.add_layer()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def web(stack: Stack) -> str:
    stack.add("web")
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    return "web"


def record(stack: Stack, number: int) -> Any:
    return next(row for row in stack.get("/containers/web/terminals/")["results"] if row["id"] == number)


def ended(stack: Stack, number: int) -> Any:
    wait_until(lambda: record(stack, number)["ended_at"], f"terminal {number} is on record as ended")
    return record(stack, number)


def events(stack: Stack, kind: str) -> list[Any]:
    with closing(sqlite3.connect(stack.layout.data_dir / "db/spocweb.sqlite3")) as database:
        rows = database.execute("SELECT user_name, subject, data FROM containers_event WHERE kind = ? ORDER BY id", [kind])
        return [(user, subject, json.loads(data)) for user, subject, data in rows.fetchall()]


def shell(stack: Stack, script: str) -> str:
    """Run something in the container past the panel."""
    return lxc.run("lxc-attach", "-P", str(stack.layout.containers), "-n", "web", "--clear-env", "--", "/bin/sh", "-c", script)


def test_what_is_typed_runs_in_the_container_and_is_on_record(stack: Stack, web: str) -> None:
    typed = ["echo $((6*7)) $(id -u) $TERM $SPOCWEB_DATA_DIR$SECRET_KEY.; stty size\n", "stty size\n", "exit 3\n"]
    with Terminal.open(stack, web) as terminal:
        opened = terminal.wait_told("opened")
        assert (opened["terminal"], opened["recorded"]) == (terminal.number, True)
        terminal.type(typed[0])
        terminal.expect("42 0 xterm-256color .\r\n24 80\r\n")
        terminal.tell({"resize": [123, 45]})
        terminal.type(typed[1])
        terminal.expect("45 123\r\n")
        terminal.type(typed[2])
        assert terminal.wait_told("end") == {"ending": "exited", "reason": "its program ended with exit code 3", "exit_code": 3}
    found = ended(stack, terminal.number)
    same = ("container", "user", "remote_address", "via", "command", "uid", "recorded", "ending", "exit_code")
    assert [found[key] for key in same] == ["web", "admin", "127.0.0.1", "api", [], None, True, "exited", 3]
    assert found["bytes_in"] == len("".join(typed))
    assert found["bytes_out"] > 100
    (user, subject, about) = events(stack, "terminal.close")[-1]
    assert (user, subject, about["ending"]) == ("admin", "web", "exited")
    assert about["seconds"] >= 0
    assert events(stack, "terminal.open")[-1] == ("admin", "web", {"terminal": terminal.number, "recorded": True})
    wait_until(lambda: not list((stack.layout.run_dir / "terminals").glob(f"{terminal.number}.*")), "nothing is left of it")


def test_command_and_user_are_as_asked(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web, command=["/bin/sh", "-c", "id -u; cat"], uid="65534") as terminal:
        terminal.expect("65534\r\n")
        terminal.type("x\n\x04")
        assert terminal.wait_told("end")["exit_code"] == 0
    assert record(stack, terminal.number)["command"] == ["/bin/sh", "-c", "id -u; cat"]


def test_a_user_that_cannot_be_found_is_told_and_nothing_is_opened(stack: Stack, web: str) -> None:
    admission = stack.call("POST", "/containers/web/terminals/", {"uid": "somebody"}).json
    with Terminal(stack, admission) as terminal:
        assert terminal.wait_told("error")["brief"] == "there is no getent in the container to look up names with"
    assert admission["terminal"] not in [row["id"] for row in stack.get("/containers/web/terminals/")["results"]]


def test_it_is_joined_again_with_what_was_printed(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web) as terminal:
        terminal.type("echo before $((1+1)); echo $$\n")
        terminal.expect("before 2\r\n")
    with Terminal.join(stack, web, terminal.number) as again:
        again.expect("before 2\r\n")
        again.type("echo after $((2+2))\n")
        again.expect("after 4\r\n")
        # Another one who joins takes it over.
        with Terminal.join(stack, web, terminal.number, size=(100, 30)) as third:
            assert again.wait_told("end")["ending"] == "joined"
            third.expect("after 4\r\n")
            third.type("exit\n")
            assert third.wait_told("end")["ending"] == "exited"
    # Who watches is told before the row is written.
    join = f"/containers/web/terminals/{terminal.number}/join/"
    wait_until(lambda: stack.call("POST", join).status == 409, "the terminal's end in its row")
    assert stack.call("POST", join).json["message"] == "This terminal has ended"


def test_it_ends_when_nobody_comes_back(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web) as terminal:
        terminal.type("sleep 4714\n")
        wait_until(lambda: "sleep 4714" in shell(stack, "ps"), "it runs")
    assert ended(stack, terminal.number)["ending"] == "left"
    wait_until(lambda: "sleep 4714" not in shell(stack, "ps"), "what ran in it is gone")


def test_several_are_open_at_once_and_one_ends_alone(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web) as first, Terminal.open(stack, web) as second:
        first.type("echo one $((1+1))\n")
        second.type("echo two $((2+2))\n")
        second.expect("two 4\r\n")
        first.expect("one 2\r\n")
        first.tell({"close": True})
        assert first.wait_told("end")["ending"] == "closed"
        second.type("echo three $((3+3))\n")
        second.expect("three 6\r\n")
        second.tell({"close": True})
        assert second.wait_told("end")["reason"] == "closed by its user"


def test_it_ends_with_its_container_which_is_not_kept_from_stopping(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web) as terminal:
        job = stack.do("POST", "/containers/web/stop/")
        assert job["state"] == "succeeded", job
        assert terminal.wait_told("end") == {"ending": "stopped", "reason": "the container stopped", "exit_code": None}
    answer = stack.call("POST", "/containers/web/terminals/")
    assert (answer.status, answer.json["message"]) == (409, "web is not running. Start it first")
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"


def test_a_frozen_container_has_none(stack: Stack, web: str) -> None:
    admission = stack.call("POST", "/containers/web/terminals/").json
    assert stack.do("POST", "/containers/web/freeze/")["state"] == "succeeded"
    with Terminal(stack, admission) as terminal:
        assert terminal.wait_told("error")["brief"] == "web is frozen"
    assert stack.do("POST", "/containers/web/unfreeze/")["state"] == "succeeded"


def make_user(stack: Stack, name: str, *rights: str) -> str:
    """Make an account with rights and return its token."""
    script = (
        "from django.contrib.auth.models import Permission, User; "
        f"user, _ = User.objects.get_or_create(username={name!r}); user.is_active = True; user.save(); "
        f"user.user_permissions.set(Permission.objects.filter(codename__in={rights!r}))"
    )
    stack.manage("shell", "-c", script)
    return stack.manage("createtoken", name).split()[-1]


def change_user(stack: Stack, name: str, change: str) -> None:
    stack.manage(
        "shell", "-c", f"from django.contrib.auth.models import User; user = User.objects.get(username={name!r}); {change}"
    )


@pytest.mark.parametrize("change", ["user.is_active = False; user.save()", "user.user_permissions.clear()", "user.delete()"])
def test_it_ends_with_the_account_or_the_right(stack: Stack, web: str, change: str) -> None:
    token = make_user(stack, "guest", "view_container", "open_terminal")
    with Terminal.open(stack, web, token=token) as terminal:
        change_user(stack, "guest", change)
        assert terminal.wait_told("end")["ending"] == "revoked"
    assert ended(stack, terminal.number)["user"] == "guest"


def test_an_administrator_ends_it(stack: Stack, web: str) -> None:
    token = make_user(stack, "guest", "view_container", "open_terminal")
    other = make_user(stack, "other", "operate_container", "open_terminal")
    with Terminal.open(stack, web, token=token) as terminal:
        path = f"/containers/web/terminals/{terminal.number}"
        assert stack.call("POST", f"{path}/end/", token=other).status == 403
        assert stack.call("POST", f"{path}/join/", token=other).status == 403
        assert stack.call("POST", f"{path}/end/").status == 204
        assert terminal.wait_told("end") == {"ending": "ended", "reason": "ended by admin", "exit_code": None}
    assert events(stack, "terminal.end")[-1] == ("admin", "web", {"terminal": terminal.number, "user": "guest"})


def test_who_has_not_the_right_has_none(stack: Stack, web: str) -> None:
    for name, rights in (("viewer", ["view_container"]), ("operator", ["operate_container"]), ("blind", ["open_terminal"])):
        token = make_user(stack, name, *rights)
        assert stack.call("POST", "/containers/web/terminals/", token=token).status == 403
        assert stack.call("GET", "/containers/web/terminals/", token=token).status == 403
        with pytest.raises(Refused, match="refused with 403"):
            WebSocket(stack.port, SOCKET, {"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nothing"},
        {"Cookie": "spocweb_session=nothing", "Origin": "http://127.0.0.1"},
        {"Authorization": "Bearer nothing", "Host": "evil.example"},
    ],
)
def test_nobody_is_let_in(stack: Stack, headers: dict[str, str]) -> None:
    with pytest.raises(Refused, match="refused with 403"):
        WebSocket(stack.port, SOCKET, headers)


@pytest.mark.parametrize("path", ["/", "/api/v1/events/", "/api/v1/containers/WEB/terminals/socket/", f"{SOCKET}x"])
def test_there_is_no_other_socket(stack: Stack, path: str) -> None:
    with pytest.raises(Refused, match="refused with 403"):
        WebSocket(stack.port, path, {"Authorization": f"Bearer {stack.token}"})


def test_a_ticket_that_is_used_guessed_or_somebody_elses_opens_nothing(stack: Stack, web: str) -> None:
    guest = make_user(stack, "guest", "view_container", "open_terminal")
    used = stack.call("POST", "/containers/web/terminals/").json
    with Terminal(stack, used) as terminal:
        terminal.wait_told("opened")
        stolen = stack.call("POST", "/containers/web/terminals/").json
        for admission, token in ((used, ""), ({**used, "ticket": "guessed"}, ""), (stolen, guest), (stolen, "")):
            with Terminal(stack, admission, token=token) as refused:
                assert refused.wait_told("error")["brief"] == "This ticket is unknown, used up or has expired"
        terminal.type("echo still $((1+1))\n")
        terminal.expect("still 2\r\n")


@pytest.mark.parametrize(
    ("opcode", "payload"),
    [
        (TEXT, b"x"),
        (TEXT, b"[]"),
        (TEXT, b'{"resize": [0, 0]}'),
        (TEXT, b'{"resize": [80, 100000]}'),
        (TEXT, b'{"resize": "80x24"}'),
        (TEXT, b'{"run": ["/bin/sh"]}'),
        (BINARY, b"x" * 70_000),
    ],
)
def test_hostile_messages_end_the_connection_not_the_terminal(stack: Stack, web: str, opcode: int, payload: bytes) -> None:
    with Terminal.open(stack, web) as terminal:
        terminal.type("echo ready $((1+1))\n")
        terminal.expect("ready 2\r\n")
        terminal.send(opcode, payload)
        with pytest.raises((AssertionError, EOFError, ConnectionError)):
            terminal.expect("nothing")
    with Terminal.join(stack, web, terminal.number) as again:
        again.type("echo still $((1+1))\n")
        again.expect("still 2\r\n")


def test_more_than_a_window_can_take_at_once_arrives_whole(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web, command=["/bin/sh", "-c", "read x; seq 1 200000; echo done"]) as terminal:
        terminal.type("\n")
        terminal.expect("done\r\n")
        terminal.wait_told("end")
    assert ended(stack, terminal.number)["bytes_out"] > 1_400_000


def test_what_nobody_reads_keeps_its_program_waiting_not_the_panels_memory(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web, command=["/bin/sh", "-c", "echo begun; yes"]) as terminal:
        terminal.expect("begun\r\n")
        sizes: list[int] = []

        def has_settled() -> bool:
            sizes.append(sum(resident(pid) for pid in stack.pids("gunicorn|manage session")))
            return len(sizes) > 5 and max(sizes[-5:]) - min(sizes[-5:]) < 1_000_000

        wait_until(has_settled, "their memory grows no more")
        assert stack.answers()


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_when_its_process_is_killed_it_is_on_record_as_lost(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web) as terminal:
        terminal.type("sleep 4715\n")
        wait_until(lambda: "sleep 4715" in shell(stack, "ps"), "it runs")
        (pid,) = stack.pids("manage session$|manage session ")
        os.kill(pid, signal.SIGKILL)
        assert terminal.wait_told("error")["brief"] == "The session server broke off"
    assert ended(stack, terminal.number)["ending"] == "lost"
    wait_until(lambda: "sleep 4715" not in shell(stack, "ps"), "what ran in it is gone")
    with Terminal.open(stack, web) as another:
        another.type("exit\n")
        assert another.wait_told("end")["ending"] == "exited"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_when_the_server_ends_its_terminals_do_in_words(stack: Stack, web: str, number: signal.Signals) -> None:
    with Terminal.open(stack, web) as terminal:
        (pid,) = stack.pids("manage sessions")
        os.kill(pid, number)
        assert terminal.wait_told("end")["reason"] == "the panel was stopped"
    assert ended(stack, terminal.number)["ending"] == "shutdown"
    wait_until(lambda: set(stack.pids("manage sessions")) - {pid}, "it runs again")
    wait_until(lambda: (stack.layout.run_dir / "sessions.sock").exists(), "it listens")
    with Terminal.open(stack, web) as another:
        another.tell({"close": True})
        assert another.wait_told("end")["ending"] == "closed"


def test_a_database_that_is_locked_delays_it_and_no_more(stack: Stack, web: str) -> None:
    admission = stack.call("POST", "/containers/web/terminals/").json
    with closing(sqlite3.connect(stack.layout.data_dir / "db/spocweb.sqlite3", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        release = threading.Event()
        with Terminal(stack, admission) as terminal:
            assert not release.wait(0.5)
            assert terminal.told == []
            database.execute("ROLLBACK")
            terminal.wait_told("opened")


def test_what_was_printed_is_kept_for_root_alone(stack: Stack, web: str) -> None:
    with Terminal.open(stack, web) as terminal:
        terminal.type("echo kept $((1+1)); read -s word\n")
        terminal.expect("kept 2\r\n")
        terminal.type("secret\n")
        terminal.tell({"resize": [100, 30]})
        terminal.tell({"close": True})
        terminal.wait_told("end")
    ended(stack, terminal.number)
    file = stack.layout.recordings / f"{terminal.number}.cast"
    header, *lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert (header["version"], header["width"], header["height"], header["title"]) == (2, 80, 24, "admin in web")
    assert "kept 2\r\n" in "".join(text for _, kind, text in lines if kind == "o")
    assert [text for _, kind, text in lines if kind == "r"][-1] == "100x30"
    assert "secret" not in file.read_text()
    assert [time for time, _, _ in lines] == sorted(time for time, _, _ in lines)
    assert (file.owner(), file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == ("root", 0o600, 0o700)
