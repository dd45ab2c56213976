"""Large bodies: sent by the event loop while threads do something else, closed whatever becomes of the client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from containers.domain import frames
from containers.errors import HostError
from containers.services import bodies
from containers.services.ranges import file_response
from containers.services.sessions import Session

PARTS = [b"one", b"two"]


@pytest.fixture(autouse=True)
def _connections() -> Iterator[None]:
    """The end of an answer closes connections, also those of other tests; Django's test client sees to that, too."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


class Body:
    """Its bytes, with `between` awaited after the first of them."""

    def __init__(self, between: Callable[[], Awaitable[object]] | None = None) -> None:
        self.between = between
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from PARTS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield PARTS[0]
        if self.between:
            await self.between()
        yield PARTS[1]

    def close(self) -> None:
        self.closed += 1


class Server:
    """One thread for all requests, as many bodies as it likes."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.pages = WSGIMiddleware(self.answer, workers=1)

    def answer(self, environ: Any, start_response: Any) -> Any:
        response = StreamingHttpResponse(bodies.left_to_the_loop(WSGIRequest(environ), self.body))
        start_response("200 OK", [])
        return response

    async def get(self, receive: Callable[[], Awaitable[Any]] | None = None, *, method: str = "GET") -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": "/", "query_string": b"", "http_version": "1.1", "headers": []}
        await bodies.serve(self.pages, scope, receive or never, send)
        assert "spocweb.body" not in scope
        return sent


async def never() -> Any:
    await asyncio.Event().wait()


def text(sent: list[Any]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


def ends(sent: list[Any]) -> int:
    return sum(message["type"] == "http.response.body" and not message.get("more_body") for message in sent)


def test_others_are_answered_while_a_body_is_on_its_way() -> None:
    async def run() -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            begun.set()
            await go_on.wait()

        slow, quick = Body(wait), Body()
        server = Server(slow)
        first = asyncio.create_task(server.get())
        await begun.wait()
        server.body = quick
        assert text(await server.get()) == b"onetwo"
        assert (first.done(), slow.closed, quick.closed) == (False, 0, 1)
        go_on.set()
        sent = await first
        assert (text(sent), ends(sent), slow.closed) == (b"onetwo", 1, 1)

    asyncio.run(run())


def test_whoever_goes_ends_it() -> None:
    async def run() -> None:
        gone = asyncio.Event()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def hang() -> None:
            gone.set()
            await never()

        body = Body(hang)
        sent = await Server(body).get(receive)
        assert (text(sent), ends(sent), body.closed) == (b"one", 0, 1)

    asyncio.run(run())


def test_what_breaks_off_has_no_end() -> None:
    async def fail() -> None:
        raise HostError("The session server broke off")

    body = Body(fail)
    with pytest.raises(HostError):
        asyncio.run(Server(body).get())
    assert body.closed == 1


def test_head_has_no_body() -> None:
    body = Body()
    sent = asyncio.run(Server(body).get(method="HEAD"))
    assert (text(sent), ends(sent), body.closed) == (b"", 1, 1)


def test_without_an_event_loop_it_is_read_and_closed() -> None:
    body = Body()
    response = StreamingHttpResponse(bodies.left_to_the_loop(RequestFactory().get("/"), body))
    assert response.getvalue() == b"onetwo"
    response.close()
    assert body.closed == 1


async def collected(body: Any) -> bytes:
    return b"".join([chunk async for chunk in body])


def test_a_part_of_a_file_is_the_same_both_ways(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 4096)
    request = RequestFactory().get("/", headers={"Range": "bytes=300000-900000"})
    request.META["asgi.scope"] = scope = {}
    response: Any = file_response(request, (tmp_path / "file").open("rb"), filename="file", etag="x")
    assert list(response.streaming_content) == []
    body: Any = scope.pop("spocweb.body")
    response.close()
    assert asyncio.run(collected(body)) == (tmp_path / "file").read_bytes()[300_000:900_001]
    body.close()
    body.close()


@pytest.mark.parametrize("last", [frames.text({"end": {}}), b""])
def test_a_session_is_read_in_the_loop(last: bytes) -> None:
    ours, theirs = socket.socketpair()

    async def run() -> bytes:
        with Session(ours) as session:
            return b"".join([frame.payload async for frame in session])

    with theirs:
        theirs.sendall(frames.data(b"one") + frames.data(b"two") + last)
        theirs.shutdown(socket.SHUT_WR)
        if last:
            assert asyncio.run(run()) == b"onetwo"
        else:
            with pytest.raises(HostError, match="broke off"):
                asyncio.run(run())
