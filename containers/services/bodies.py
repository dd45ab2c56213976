"""Bodies of answers that may be large: the event loop sends them, so that no thread waits for a reader on a slow line.

A view works on a thread, as all views do, and answers with a stream of `left_to_the_loop(request, body)`. The server asks
that for bytes on the same thread: it leaves the body in the request's scope, and the thread is free. `spocweb.asgi` has
`serve` send it. Where there is no event loop, as in tests of views, it is read as any iterator is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Final, Protocol

from django.http import HttpRequest

_KEY: Final = "spocweb.body"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Body(Protocol):
    """What can be read on a thread or in the event loop, once, and has to be closed; closing twice is harmless."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes, never blocking."""

    def close(self) -> None:
        """Let go of what is open."""


def left_to_the_loop(request: HttpRequest, body: Body) -> Left:
    """Return what a streaming answer is made of."""
    return Left(request, body)


class Left:
    """A body as the server sees it; see above."""

    def __init__(self, request: HttpRequest, body: Body) -> None:
        self._scope = request.META.get("asgi.scope")
        self._has_body = request.method != "HEAD"
        self._body: Body | None = body

    def __iter__(self) -> Iterator[bytes]:
        if self._body is None or not self._has_body:
            return
        if self._scope is None:
            yield from self._body
            return
        self._scope[_KEY], self._body = self._body, None

    def close(self) -> None:
        """Close a body that nobody has taken over."""
        if self._body is not None:
            self._body.close()


async def serve(answer: Callable[..., Awaitable[None]], scope: Any, receive: Receive, send: Send) -> None:
    """Have `answer` answer a request, and send the body that it leaves, until the client has it or is gone."""

    async def relay(message: Message) -> None:
        # The end is not yet where a body was left.
        if _KEY not in scope or message["type"] != "http.response.body" or message.get("more_body"):
            await send(message)

    try:
        await answer(scope, receive, relay)
        if _KEY in scope:
            await _until_gone(_send(scope[_KEY], send), receive)
    finally:
        if body := scope.pop(_KEY, None):
            body.close()


async def _send(body: Body, send: Send) -> None:
    async for chunk in body:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(sending: Any, receive: Receive) -> None:
    """Wait for the end of `sending`, or of the connection, which nothing else would notice."""
    tasks = [asyncio.ensure_future(sending), asyncio.ensure_future(_disconnect(receive))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    # What went wrong breaks the connection off: whoever reads it knows by the length that something is missing.
    for task in done:
        task.result()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
