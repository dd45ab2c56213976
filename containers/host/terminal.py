"""A program in a container in a terminal of its own: `lxc-attach` in a pseudo terminal (pty(7)) that we hold the other end of."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from containers.domain.layout import Layout
from containers.host import attach, command_socket, monitors
from containers.host.command import ENVIRONMENT
from containers.host.command_socket import Partner

# What xterm.js understands; every system's terminfo has it.
TERM: Final = "xterm-256color"
# The user's own shell as a login shell, at home: a container need not have bash, getent or that directory.
LOGIN: Final = (
    "/bin/sh",
    "-c",
    'home=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6); export HOME="${home:-${HOME:-/}}"; '
    'cd "$HOME" 2>/dev/null || cd /; '
    "if [ -x /bin/bash ]; then exec /bin/bash -l; fi; exec /bin/sh -l",
)
# struct winsize (tty_ioctl(4)): rows, columns, and two that nobody uses.
_WINSIZE: Final = struct.Struct("HHHH")
# Places in what tcgetattr(3) returns.
_OFLAG: Final = 1
_LFLAG: Final = 3
_TAKE_TIMEOUT_S: Final = 5.0
_TAKE_POLL_S: Final = 0.002
_HANG_UP_GRACE_S: Final = 1.0
_KILL_GRACE_S: Final = 5.0
_CHUNK: Final = 65_536


@dataclass(frozen=True)
class Size:
    """How many characters fit."""

    columns: int
    rows: int


class Terminal:
    """A running program and its terminal. `master` and `process` can be polled; leaving the `with` block hangs up.

    `partner` is the container's monitor: when it ends, so must this.
    """

    def __init__(self, argv: Sequence[str], partner: Partner, size: Size) -> None:
        self.partner = partner
        self.exit_code: int | None = None
        self.master, slave = os.openpty()
        try:
            self.resize(size)
            _quieten(slave)
            # setsid(1) makes it the leader of a session whose terminal this is: so that the kernel tells it of a new size
            # and of the end. In Python that would take code between fork and exec.
            argv = ["/usr/bin/setsid", "--ctty", *argv]
            self._popen = subprocess.Popen(argv, env=ENVIRONMENT, cwd="/", stdin=slave, stdout=slave, stderr=slave)
        except BaseException:
            os.close(self.master)
            raise
        finally:
            os.close(slave)
        self.process = os.pidfd_open(self._popen.pid)
        os.set_blocking(self.master, False)
        self._wait_taken()

    def _wait_taken(self) -> None:
        """Wait until lxc-attach has the terminal: it takes it out of canonical mode, and drops what was typed before."""
        deadline = time.monotonic() + _TAKE_TIMEOUT_S
        while termios.tcgetattr(self.master)[_LFLAG] & termios.ICANON and time.monotonic() < deadline:
            if monitors.has_ended(self.process, _TAKE_POLL_S):
                return
        # It switches on what would put a second "\\r" before each line's end.
        _quieten(self.master)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        # The kernel sends SIGHUP: to lxc-attach, whose own end in the container then does the same to the shell.
        os.close(self.master)
        if not monitors.has_ended(self.process, _HANG_UP_GRACE_S):
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        if monitors.has_ended(self.process, _KILL_GRACE_S):
            self.exit_code = self._popen.wait()
        os.close(self.process)

    def poll(self) -> int | None:
        """Return the exit code (negative: a signal's number) once the program has ended; what it printed may be unread."""
        self.exit_code = self._popen.poll()
        return self.exit_code

    def resize(self, size: Size) -> None:
        """Tell the program, with SIGWINCH, how many characters fit now."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, _WINSIZE.pack(size.rows, size.columns, 0, 0))

    def read(self) -> bytes | None:
        """Return what was printed; nothing at the end, None when there is no more at the moment."""
        try:
            return os.read(self.master, _CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            # Nobody has the other end open any more.
            if error.errno != errno.EIO:
                raise
            return b""

    def read_waits(self) -> bool:
        """Return whether something can be read right now."""
        return bool(select.select([self.master], [], [], 0)[0])

    def write(self, data: bytes) -> int:
        """Type; return how many bytes were taken: a program that does not read lets only so many wait."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return len(data)


def _quieten(file: int) -> None:
    """Leave echo and line ends to the container's own terminal, from the first byte on."""
    modes = termios.tcgetattr(file)
    modes[_OFLAG] &= ~termios.OPOST
    modes[_LFLAG] &= ~termios.ECHO
    termios.tcsetattr(file, termios.TCSANOW, modes)


@contextmanager
def opened(
    layout: Layout, name: str, argv: Sequence[str], *, uid: int, gid: int, env: Mapping[str, str], size: Size
) -> Iterator[Terminal]:
    """Run `argv` in a running container, in a terminal; hang up at the end of the `with` block.

    Raises NotListening if the container does not run, HostError if somebody else answers for it.
    """
    with command_socket.held(layout, name) as partner:
        words = attach.command(layout, name, argv, uid=uid, gid=gid, env={"TERM": TERM, **env})
        with Terminal(words, partner, size) as terminal:
            yield terminal
