"""The session server: accepts connections of the web process and gives each a process of its own.

It reads nothing of what they send and opens no database: a session that hangs, or is taken over, is one process less.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

from containers.errors import Conflict
from containers.host import monitors, processes, sockets
from containers.sessions.connection import Connection

logger = logging.getLogger(__name__)

TITLE: Final = "python -m manage session"
MAX_SESSIONS: Final = 64
# How long sessions may take to end when the server is told to stop.
STOP_GRACE_S: Final = 5.0


class Server:
    """Listens at `path` for the users `uids`; `serve` is called for each connection, in a process that ends with it."""

    def __init__(self, path: Path, *, gid: int, uids: Container[int], serve: Callable[[Connection], None]) -> None:
        self._path = path
        self._gid = gid
        self._uids = uids
        self._serve = serve
        self._children: set[int] = set()
        self._is_stopping = False

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; then end the sessions and wait for them."""
        # A signal ends the wait for connections: the kernel writes its number here.
        woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in processes.STOP_SIGNALS:
            signal.signal(number, self._stop)
        with sockets.listen(self._path, gid=self._gid) as listener:
            # Somebody who gives up between the word that he waits and our taking him must not be waited for.
            listener.setblocking(False)
            while not self._is_stopping:
                ready = select.select([listener.fileno(), woken], [], [])[0]
                self._reap(woken)
                if listener.fileno() in ready and not self._is_stopping:
                    self._accept(listener)
            self._path.unlink(missing_ok=True)
        self._end_sessions()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stopping = True

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection = listener.accept()[0]
        except OSError as error:
            logger.warning("a connection was not accepted: %s", error)
            return
        with connection:
            if (uid := sockets.peer_uid(connection)) not in self._uids:
                logger.warning("user %d of the host may open no sessions", uid)
            elif len(self._children) >= MAX_SESSIONS:
                connection.settimeout(0)
                busy = Conflict(f"{MAX_SESSIONS} sessions are open already", resolution="Close some first")
                Connection(connection).tell_error(busy)
            elif processes.fork(TITLE, self._children.add) == 0:
                self._be_session(listener, connection)

    def _be_session(self, listener: socket.socket, connection: socket.socket) -> None:
        """Be the child, which never goes back to where its parent was."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            self._serve(Connection(connection))
            code = 0
        finally:
            os._exit(code)

    def _reap(self, woken: int) -> None:
        with suppress(BlockingIOError):
            os.read(woken, 4096)
        for pid in list(self._children):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self._children.discard(pid)

    def _end_sessions(self) -> None:
        deadline = time.monotonic() + STOP_GRACE_S
        self._signal(signal.SIGTERM)
        for pid in list(self._children):
            with monitors.watching(pid) as child:
                if not monitors.has_ended(child, max(deadline - time.monotonic(), 0)):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._children:
            os.kill(pid, number)
