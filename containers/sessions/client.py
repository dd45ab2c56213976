"""Whoever looks at a terminal right now: a connection that never keeps anybody waiting."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from containers.domain import frames
from containers.domain.frames import Frame

# So much may wait to be taken; then the terminal is not read, and its program waits.
MAX_WAITING: Final = 256 * 1024
# Who has taken nothing of it for so long is gone, though the kernel does not know.
STALLED_S: Final = 60.0
_LAST_WORDS_S: Final = 2.0
_CHUNK: Final = 65_536


class Client:
    """One end of a connection; `is_gone` when nobody is at the other any more."""

    def __init__(self, connection: socket.socket, waiting: Sequence[Frame] = ()) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._reader = frames.Reader()
        self._received = list(waiting)
        self._sending = bytearray()
        self._moved_at = time.monotonic()
        self.is_gone = False

    def fileno(self) -> int:
        """Return what can be polled."""
        return self._connection.fileno()

    @property
    def has_room(self) -> bool:
        """Whether more may be sent."""
        return len(self._sending) < MAX_WAITING

    @property
    def has_output(self) -> bool:
        """Whether something waits to be taken."""
        return bool(self._sending)

    @property
    def has_input(self) -> bool:
        """Whether frames are here already, which polling does not tell."""
        return bool(self._received)

    @property
    def is_stalled(self) -> bool:
        """Whether what waits has not become less for long."""
        return self.has_output and time.monotonic() - self._moved_at > STALLED_S

    def receive(self) -> list[Frame]:
        """Return the frames that have arrived. Raises Malformed for what is none."""
        found, self._received = self._received, []
        try:
            data = self._connection.recv(_CHUNK)
        except BlockingIOError:
            return found
        except OSError:
            data = b""
        self.is_gone = not data
        return found + self._reader.feed(data)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a JSON object, when it is taken."""
        self._put(frames.text(message))

    def send(self, content: bytes) -> None:
        """Send bytes, when they are taken."""
        self._put(frames.data(content))

    def flush(self) -> None:
        """Send as much as is taken right now."""
        try:
            sent = self._connection.send(self._sending)
        except BlockingIOError:
            return
        except OSError:
            self.is_gone = True
            return
        del self._sending[:sent]
        self._moved_at = time.monotonic()

    def close(self, message: Mapping[str, Any] | None = None) -> None:
        """Say the last words, if anybody hears them soon, and hang up."""
        if message is not None and not self.is_gone:
            self._connection.settimeout(_LAST_WORDS_S)
            with suppress(OSError):
                self._connection.sendall(bytes(self._sending) + frames.text(message))
        self._connection.close()
        self.is_gone = True

    def _put(self, content: bytes) -> None:
        if not self._sending:
            self._moved_at = time.monotonic()
        self._sending += content
        self.flush()
