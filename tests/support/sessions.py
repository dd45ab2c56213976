"""Root's session server in the test's own process: what it answers, without a socket and without another process."""

from __future__ import annotations

import io
from typing import Any

import pytest

from containers.services import sessions
from containers.services.sessions import Session, greeting
from containers.sessions.connection import Connection
from containers.sessions.session import serve


class Wire:
    """Stands in for a socket: gives what the other end has said already, keeps what it is sent."""

    def __init__(self, said: bytes) -> None:
        self._said = io.BytesIO(said)
        self.sent = b""

    def recv(self, size: int) -> bytes:
        return self._said.read(size)

    def sendall(self, content: bytes) -> None:
        self.sent += content

    def settimeout(self, seconds: float) -> None:
        """Nothing here takes time."""

    def close(self) -> None:
        """Nothing is open."""


def open_here(ticket: str, *, user_id: int, kind: str, subject: str) -> Session:
    """Open a session as `Session.open` does, and let it run to its end."""
    wire: Any = Wire(greeting(ticket, user_id=user_id, kind=kind, subject=subject))
    serve(Connection(wire))
    answer: Any = Wire(wire.sent)
    return Session(answer)


@pytest.fixture
def session_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are opened in this process."""
    monkeypatch.setattr(sessions.Session, "open", staticmethod(open_here))
