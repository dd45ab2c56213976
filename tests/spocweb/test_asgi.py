"""Which of both handlers a request goes to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from spocweb import asgi


class Handler:
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])


def call(scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Call the application; return what it sent."""
    waiting = list(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asgi.application(scope, receive, send))  # type: ignore[arg-type]
    assert not waiting
    return sent


@pytest.mark.parametrize(
    ("path", "is_event"),
    [
        ("/api/v1/events/", True),
        ("/api/v1/events", False),
        ("/api/v1/events/x", False),
        ("/api/v1/containers/", False),
        ("/", False),
    ],
)
def test_only_live_events_are_native(monkeypatch: pytest.MonkeyPatch, path: str, is_event: bool) -> None:
    events, pages = Handler(), Handler()
    monkeypatch.setattr(asgi, "_events", events)
    monkeypatch.setattr(asgi, "_pages", pages)
    call({"type": "http", "path": path})
    assert (events.paths, pages.paths) == (([path], []) if is_event else ([], [path]))


def test_it_starts_and_stops_with_its_server() -> None:
    sent = call({"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_web_sockets_go_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = Handler()
    monkeypatch.setattr(asgi, "_sockets", sockets)
    call({"type": "websocket", "path": "/api/v1/events/"})
    assert sockets.paths == ["/api/v1/events/"]
