"""Terminals in running containers."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from containers.errors import HostError
from containers.host import facts, terminal
from containers.host.terminal import LOGIN, Size, Terminal
from tests.support import lxc
from tests.support.box import Box
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

SHELL = ["/bin/sh"]
USUAL = Size(80, 24)


class Screen:
    """A terminal and all that was printed in it."""

    def __init__(self, opened: Terminal) -> None:
        self.terminal = opened
        self.printed = b""

    def read(self) -> bool:
        """Read what there is; False when nothing more will come."""
        if select.select([self.terminal.master], [], [], 0.05)[0]:
            data = self.terminal.read()
            self.printed += data or b""
            return data != b""
        return True

    def type(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[self.terminal.write(data) :]

    def typed(self, text: str) -> bool:
        """Type, and read what comes of it; False when nothing more will come."""
        self.type(text)
        return self.read()

    def expect(self, text: str) -> None:
        wait_until(lambda: self.read() and text.encode() in self.printed, f"{text!r} is printed")

    def run_out(self) -> None:
        wait_until(lambda: not self.read(), "the terminal has ended")


@pytest.fixture
def open_screen(box: Box) -> Iterator[Any]:
    with ExitStack() as stack:

        def open_one(name: str, argv: list[str], size: Size = USUAL, **more: Any) -> Screen:
            more = {"uid": 0, "gid": 0, "env": {}, **more}
            return Screen(stack.enter_context(terminal.opened(box.layout, name, argv, size=size, **more)))

        yield open_one


def processes(box: Box, name: str) -> str:
    return box.shell(name, "ps").output


def test_what_is_typed_is_read_and_what_is_printed_comes_back(box: Box, open_screen: Any) -> None:
    screen = open_screen(box.start(), SHELL)
    screen.type("echo $((6*7)) $TERM; tty\n")
    screen.expect("42 xterm-256color\r\n")
    screen.expect("/dev/")


def test_a_new_size_reaches_the_program(box: Box, open_screen: Any) -> None:
    screen = open_screen(box.start(), SHELL, size=Size(100, 30))
    screen.type("stty size\n")
    screen.expect("30 100\r\n")
    screen.type("echo ready $((1+1)); while :; do stty size; sleep 0.1; done\n")
    screen.expect("ready 2\r\n30 100\r\n")
    screen.terminal.resize(Size(123, 45))
    screen.expect("45 123\r\n")


def test_control_keys_are_signals(box: Box, open_screen: Any) -> None:
    name = box.start()
    screen = open_screen(name, SHELL)
    screen.type("sleep 4713; echo ended $((1+1))\n")
    wait_until(lambda: screen.read() and "sleep 4713" in processes(box, name), "it sleeps")
    # As a person does: again, where it came before the program had the terminal, or the shell had it back.
    wait_until(lambda: screen.typed("\x03") and "sleep 4713" not in processes(box, name), "it is ended")
    wait_until(lambda: screen.typed("echo again $((2+2))\n") and b"again 4" in screen.printed, "the shell goes on")


def test_it_ends_with_its_program(box: Box, open_screen: Any) -> None:
    name = box.start()
    with terminal.opened(box.layout, name, SHELL, uid=0, gid=0, env={}, size=USUAL) as opened:
        screen = Screen(opened)
        screen.type("exit 7\n")
        screen.run_out()
        wait_until(lambda: opened.poll() is not None, "lxc-attach has ended")
    assert opened.exit_code == 7


def test_the_login_shell_is_at_home(box: Box, open_screen: Any) -> None:
    screen = open_screen(box.start(), list(LOGIN))
    screen.type('echo "<$HOME:$PWD>"\n')
    screen.expect("</root:/root>")


def test_ids_and_environment_are_as_asked(box: Box, open_screen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "ours")
    screen = open_screen(box.start(), SHELL, uid=1000, gid=2000, env={"A": "b"})
    screen.type('echo "<$(id -u):$(id -g):$A:$SECRET_KEY>"\n')
    screen.expect("<1000:2000:b:>")


def test_hanging_up_ends_what_runs_in_it(box: Box) -> None:
    name = box.start()
    with terminal.opened(box.layout, name, SHELL, uid=0, gid=0, env={}, size=USUAL) as opened:
        screen = Screen(opened)
        screen.type("sleep 4712\n")
        wait_until(lambda: screen.read() and "sleep 4712" in processes(box, name), "it runs")
    assert opened.exit_code is not None
    wait_until(lambda: "sleep 4712" not in processes(box, name), "it is gone")


def test_it_ends_when_the_container_is_stopped(box: Box) -> None:
    name = box.start()
    with terminal.opened(box.layout, name, SHELL, uid=0, gid=0, env={}, size=USUAL) as opened:
        screen = Screen(opened)
        screen.type("echo $((6*7))\n")
        screen.expect("42")
        lxc.run("lxc-stop", "-P", str(box.layout.containers), "-n", name, "-k")
        screen.run_out()
        wait_until(lambda: not opened.partner(), "the monitor has ended")
    assert not facts.is_running(box.layout, name)


def test_a_container_that_does_not_run_has_none(box: Box) -> None:
    name = box.make()
    with (
        pytest.raises(HostError, match=f"^{name} is not running$"),
        terminal.opened(box.layout, name, SHELL, uid=0, gid=0, env={}, size=USUAL),
    ):
        pass
