"""What the web process and the session server say to each other: frames of a kind, a length and that many bytes. Pure.

A text frame holds a JSON object, a data frame any bytes. One WebSocket message is one frame: the web process relays them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from containers.errors import Malformed

# Kind, then the length in network byte order.
HEADER: Final = struct.Struct("!cI")
MAX_PAYLOAD: Final = 65_536
TEXT: Final = b"T"
DATA: Final = b"D"


@dataclass(frozen=True)
class Frame:
    """One frame: `kind` is TEXT or DATA."""

    kind: bytes
    payload: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The JSON object in a text frame. Raises Malformed for anything else."""
        try:
            found = json.loads(self.payload) if self.kind == TEXT else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Malformed("A JSON object was expected")
        return found

    def encode(self) -> bytes:
        """Return the bytes on the wire. Raises ValueError for a payload that nobody would take."""
        if len(self.payload) > MAX_PAYLOAD:
            raise ValueError(f"a frame of {len(self.payload)} bytes")
        return HEADER.pack(self.kind, len(self.payload)) + self.payload


def text(message: Mapping[str, Any]) -> bytes:
    """Return a JSON object as one frame on the wire."""
    return Frame(TEXT, json.dumps(message).encode()).encode()


def data(content: bytes) -> bytes:
    """Return bytes, however many, as frames on the wire."""
    return b"".join(Frame(DATA, content[at : at + MAX_PAYLOAD]).encode() for at in range(0, len(content), MAX_PAYLOAD))


class Reader:
    """Puts frames together from whatever pieces they arrive in; holds at most one frame and what was fed last."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> list[Frame]:
        """Return the frames that are complete now. Raises Malformed for what cannot become one."""
        self._buffer += received
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        if len(self._buffer) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._buffer)
        if kind not in (TEXT, DATA) or length > MAX_PAYLOAD:
            raise Malformed("This is no frame")
        end = HEADER.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER.size : end])
        del self._buffer[:end]
        return Frame(kind, payload)
