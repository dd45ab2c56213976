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
