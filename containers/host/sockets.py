"""Unix sockets that root listens on for others: who may connect, and who has."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Final

from containers.errors import HostError

# struct ucred (unix(7), SO_PEERCRED): process, user, group.
_CREDENTIALS: Final = struct.Struct("iii")
_BACKLOG: Final = 64
_HAND_OVER_TIMEOUT_S: Final = 2.0


def listen(path: Path, *, gid: int) -> socket.socket:
    """Listen at `path`, for root and a group alone; takes the place of what an earlier process has left there.

    The directory must be one that only root writes to. Raises HostError for a path that is too long for a socket.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Nobody else gets in before it has its group and mode.
        before = os.umask(0o177)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(before)
        os.chown(path, 0, gid, follow_symlinks=False)
        path.chmod(0o660)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise HostError(f"Nobody can listen at {path}: {error.strerror or error}") from error
    return listener


def peer_uid(connection: socket.socket) -> int:
    """Return the user at the other end, as the kernel knows it from when the connection was made."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


def hand_over(path: Path, connection: socket.socket) -> None:
    """Pass an open connection on to the process that listens at `path` (SCM_RIGHTS, unix(7)); ours may be closed then.

    Raises OSError if nobody listens there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as courier:
        courier.settimeout(_HAND_OVER_TIMEOUT_S)
        courier.connect(os.fspath(path))
        socket.send_fds(courier, [b"\0"], [connection.fileno()])


def take_over(listener: socket.socket) -> socket.socket | None:
    """Take a connection that somebody passes on; None if he has given up."""
    try:
        with listener.accept()[0] as courier:
            courier.settimeout(_HAND_OVER_TIMEOUT_S)
            files = socket.recv_fds(courier, 1, 1)[1]
    except OSError:
        return None
    return socket.socket(fileno=files[0]) if files else None
