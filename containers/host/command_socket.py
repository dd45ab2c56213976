"""LXC's command sockets, held while a tool talks to one: so that it talks to root's monitor and to nobody else.

They are abstract, without owner or mode: whoever has an account may listen under the name of a container that does not
run, and LXC's tools believe what they are told. lxc-attach would run its command as root in any process it is shown.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.errors import HostError
from containers.host import facts, monitors, sockets

_PIDFD_GETFD: Final = 438
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Partner:
    """The monitor that a tool talks to; polled, it is ready when that has ended."""

    def __init__(self, monitor: int) -> None:
        self._monitor = monitor

    def __call__(self) -> bool:
        """Return whether it lives."""
        return not monitors.has_ended(self._monitor)

    def fileno(self) -> int:
        """Return what can be polled."""
        return self._monitor


class NotListening(HostError):
    """Nothing answers for the container: it does not run."""


@contextmanager
def held(layout: Layout, name: str) -> Iterator[Partner]:
    """Keep the name of a running container's command socket with the monitor that root started; yield that monitor.

    Our copy of the socket keeps the name taken: nobody can listen there while a tool connects, even if the monitor ends
    meanwhile. Then nobody answers any more, so a tool must be ended. Raises NotListening, HostError for an impostor.
    """
    address = facts.socket_address(layout, name)
    for pid in _candidates(layout, name, address):
        with monitors.watching(pid) as monitor:
            if monitor is None or (listener := _copy(monitor, pid, address)) is None:
                continue
            with listener:
                # Asked after it is held: this is who listens, now and until we let go.
                if _owner(address) != 0:
                    break
                yield Partner(monitor)
            return
    # What is left of root's are copies like ours, of a monitor that has ended.
    if not (owner := _owner(address)):
        raise NotListening(f"{name} is not running")
    raise HostError(f"user {owner} of the host listens in the place of {name}", resolution="End that process")


def _candidates(layout: Layout, name: str, address: bytes) -> Iterator[int]:
    if (pid := monitors.find(layout, name)) is not None:
        yield pid
    # Started by hand in the foreground: no process has the title of a monitor.
    if _owner(address) == 0:
        pids = (name for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208
        yield from (int(pid) for pid in pids if _runs_lxc(pid))


def _runs_lxc(pid: str) -> bool:
    """Tell LXC's own process from one that holds a copy of its socket, as ours do: that lives on when the monitor ends."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/exe").readlink().name.startswith("lxc-")
    return False


def _copy(monitor: int, pid: int, address: bytes) -> socket.socket | None:
    """Return a copy of the socket that a process listens on at `address`, if it does."""
    for number in _sockets(pid):
        copy = _copy_of(monitor, number)
        if copy is None:
            continue
        if copy.family == socket.AF_UNIX and copy.getsockname() == address and _listens(copy):
            return copy
        copy.close()
    return None


def _copy_of(monitor: int, number: int) -> socket.socket | None:
    """Return a copy of a socket of the process; None where its number stands for nothing, or something else, by now."""
    file = _libc.syscall(_PIDFD_GETFD, monitor, number, 0)
    if file < 0:
        return None
    try:
        return socket.socket(fileno=file)
    except OSError:
        os.close(file)
        return None


def _sockets(pid: int) -> list[int]:
    directory = Path(f"/proc/{pid}/fd")
    found = []
    # It may end, or close them, while it is looked at.
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        for number in os.listdir(directory):  # noqa: PTH208  a Path for every file takes its time
            with suppress(FileNotFoundError, PermissionError):
                if (directory / number).readlink().as_posix().startswith("socket:"):
                    found.append(int(number))
    return found


def _listens(candidate: socket.socket) -> bool:
    return bool(candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _owner(address: bytes) -> int | None:
    """Return the user who listens at `address`; None if nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(address)
        except (ConnectionRefusedError, BlockingIOError, TimeoutError):
            return None
        return sockets.peer_uid(client)
