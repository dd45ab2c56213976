"""A WebSocket client (RFC 6455) that does as little as possible: what tests and benchmarks need of one."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import PATIENCE_S

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):  # noqa: N818
    """The handshake was answered with something else; `status` is that of HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


class WebSocket:
    """A connection; `receive` returns a text as what its JSON says, a binary message as bytes, None at the end."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        # As browsers do: what is typed goes at once.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if "Host" not in headers:
            lines.append(f"Host: 127.0.0.1:{port}")
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines.append(f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}")
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self._buffer:
            self._read()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if (status := int(head.split()[1])) != 101:
            self._socket.close()
            raise Refused(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        """Go without a word, as a browser whose network went does."""
        self._socket.close()

    def tell(self, message: Mapping[str, Any]) -> None:
        self.send(TEXT, json.dumps(message).encode())

    def type(self, text: str) -> None:
        self.send(BINARY, text.encode())

    def send(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        size = bytes([0x80 | min(length, 126)]) if length < 126 else b""
        if 126 <= length < 65_536:
            size = struct.pack("!BH", 0x80 | 126, length)
        elif length >= 65_536:
            size = struct.pack("!BQ", 0x80 | 127, length)
        # A mask of zeros is a mask.
        self._socket.sendall(bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload)

    def receive(self) -> Any:
        while True:
            opcode, payload = self._frame()
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == BINARY:
                return payload
            if opcode == CLOSE:
                return None
            if opcode == PING:
                self.send(PONG, payload)

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._take(8))
        return first & 0x0F, self._take(length)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._read()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def _read(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise EOFError
        self._buffer += data
