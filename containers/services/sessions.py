"""The web process's end of a session: connects to root's session server, brings the ticket, reads what comes.

Nothing is trusted to the web process here: what it may have is decided by the server, from the ticket's row.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from django.conf import settings

from containers.domain import frames
from containers.domain.frames import Frame
from containers.errors import Conflict, Forbidden, HostError, InvalidRequest, Malformed, NotFound, SpocError, Untrusted

# How long the server may be silent; a database that is locked takes 20 s to be given up.
TIMEOUT_S: Final = 30.0
_CHUNK: Final = 65_536
_ERRORS: Final[dict[str, type[SpocError]]] = {
    error.code: error for error in (Conflict, Forbidden, InvalidRequest, Malformed, NotFound, Untrusted)
}
AWAY: Final = "The session server does not answer"


def socket_path() -> Path:
    """Return where the session server listens."""
    return settings.RUN_DIR / "sessions.sock"


def greeting(ticket: str, *, user_id: int, kind: str, subject: str) -> bytes:
    """Return the first frame: the ticket, and what the one who brings it takes it for."""
    return frames.text({"ticket": ticket, "user": user_id, "kind": kind, "subject": subject})


def check(frame: Frame) -> Frame:
    """Return a frame from the server; raise the error that it tells, if that is what it is."""
    if frame.kind == frames.TEXT and isinstance(told := frame.message.get("error"), dict):
        kind = _ERRORS.get(str(told.get("code")), HostError)
        raise kind(str(told.get("brief")), details=str(told.get("details", "")), resolution=str(told.get("resolution", "")))
    return frame


class Session:
    """A session seen from the web process, one after the other: `with Session.open(…) as session: for frame in session`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = frames.Reader()
        self._waiting: list[Frame] = []

    @classmethod
    def open(cls, ticket: str, *, user_id: int, kind: str, subject: str) -> Self:
        """Connect and bring the ticket. Raises HostError if nobody listens."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(str(socket_path()))
            connection.sendall(greeting(ticket, user_id=user_id, kind=kind, subject=subject))
        except OSError as error:
            connection.close()
            raise HostError(AWAY, details=str(error), resolution="Try again in a moment") from error
        return cls(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._connection.close()

    def tell(self, message: dict[str, Any]) -> None:
        """Send a JSON object."""
        self._connection.sendall(frames.text(message))

    def __iter__(self) -> Iterator[Frame]:
        """Yield what the session's kind sends, up to its end. Raises what the server tells, and HostError if it breaks off."""
        while (frame := self._next()) is not None:
            yield frame

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """Yield the same without blocking, in an event loop."""
        loop = asyncio.get_running_loop()
        self._connection.setblocking(False)
        while True:
            while not self._waiting:
                self._take(await self._arriving(loop))
            frame = check(self._waiting.pop(0))
            if _is_end(frame):
                return
            yield frame

    async def _arriving(self, loop: asyncio.AbstractEventLoop) -> bytes:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await loop.sock_recv(self._connection, _CHUNK)
        except OSError as error:
            raise HostError(AWAY, details=str(error)) from error

    def _take(self, received: bytes) -> None:
        if not received:
            raise HostError("The session server broke off")
        self._waiting = self._reader.feed(received)

    def _next(self) -> Frame | None:
        try:
            while not self._waiting:
                self._take(self._connection.recv(_CHUNK))
        except OSError as error:
            raise HostError(AWAY, details=str(error)) from error
        frame = check(self._waiting.pop(0))
        return None if _is_end(frame) else frame


def _is_end(frame: Frame) -> bool:
    return frame.kind == frames.TEXT and "end" in frame.message
