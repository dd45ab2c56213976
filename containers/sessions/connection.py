"""Root's end of one session's connection. What comes from the other end is hostile."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from typing import Any, Final

from containers.domain import frames
from containers.domain.frames import Frame
from containers.errors import SpocError

logger = logging.getLogger(__name__)

# A greeting takes no time; whoever reads nothing for this long is gone.
GREETING_TIMEOUT_S: Final = 5.0
IDLE_TIMEOUT_S: Final = 60.0
_CHUNK: Final = 65_536


class Gone(Exception):  # noqa: N818  an event, not an error
    """Nobody is at the other end any more, or says nothing in time."""


class Connection:
    """A connection that waits: for a frame, or until the other end has taken what was sent."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(IDLE_TIMEOUT_S)
        self.socket = connection
        self.reader = frames.Reader()
        self._waiting: list[Frame] = []

    def receive(self, timeout_s: float = IDLE_TIMEOUT_S) -> Frame:
        """Wait for a frame. Raises Gone, and Malformed for what is none."""
        self.socket.settimeout(timeout_s)
        while not self._waiting:
            try:
                received = self.socket.recv(_CHUNK)
            except OSError as error:
                raise Gone from error
            if not received:
                raise Gone
            self._waiting = self.reader.feed(received)
        return self._waiting.pop(0)

    def take_waiting(self) -> list[Frame]:
        """Return the frames that arrived together with one that was received: whoever reads the socket itself needs them."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a JSON object. Raises Gone."""
        self._send(frames.text(message))

    def send(self, content: bytes) -> None:
        """Send bytes and wait until they are taken: nothing piles up for a slow browser. Raises Gone."""
        self._send(frames.data(content))

    def tell_error(self, error: SpocError) -> None:
        """Tell why nothing comes (any more); nobody may be there to hear it."""
        told = {"code": error.code, "brief": error.brief, "details": error.details, "resolution": error.resolution}
        try:
            self.tell({"error": told})
        except Gone:
            logger.info("nobody heard: %s", error)

    def _send(self, content: bytes) -> None:
        try:
            # Whoever passed it on has closed it here.
            self.socket.settimeout(IDLE_TIMEOUT_S)
            self.socket.sendall(content)
        except OSError as error:
            raise Gone from error
