"""/events/: what happens, as it happens, as server-sent events. Runs in the event loop: nothing here may block."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from django.http import StreamingHttpResponse

from containers.api.auth import SEE, ApiRequest, credential_of
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.services.following import Credential, guard
from containers.services.stream import Listener, LiveEvent, fanout
from containers.services.window import Window

router = Router(tags=["events"])

# Proxies close what is silent for a minute, and a client that is gone is noticed by writing to it.
KEEP_ALIVE_S: Final = 15.0
RETRY_MS: Final = 2_000
# An event, not a comment: a browser shows its script no comments, and what was missed before has to be asked for then.
LISTENING: Final = b"event: listening\ndata: {}\n\n"
STREAM: Final = {"responses": {200: {"description": "OK", "content": {"text/event-stream": {"schema": {"type": "string"}}}}}}


@router.get("/events/", auth=SEE, response=ERRORS, openapi_extra=STREAM)
async def follow_events(request: ApiRequest) -> StreamingHttpResponse:
    """Follow container states (`container`), jobs (`job`, `step`, `command`), their output (`line`), use (`sample`),
    terminals that are opened and closed (`terminal`).

    Server-sent events; the data of each is a JSON object. The event `listening` comes first: nothing is missed from then on.
    """
    headers = {"X-Accel-Buffering": "no"}
    return StreamingHttpResponse(frames(credential_of(request)), content_type="text/event-stream", headers=headers)


async def frames(credential: Credential, keep_alive_s: float = KEEP_ALIVE_S) -> AsyncIterator[bytes]:
    """Yield frames until the client goes, which ends this from outside, is too far behind, or may not follow any more."""
    hub = fanout()
    async with hub.listen() as listener:
        window = Window(credential.sight)
        with guard().watch(listener, credential):
            yield f"retry: {RETRY_MS}\n\n".encode()
            await hub.wait_subscribed(keep_alive_s)
            yield LISTENING
            async for event in _events(listener, keep_alive_s):
                if event is None:
                    yield b": alive\n\n"
                elif (seen := await window.of(event)) is not None:
                    yield _frame(seen)


async def _events(listener: Listener, keep_alive_s: float) -> AsyncIterator[LiveEvent | None]:
    """Yield events, and None whenever none came for a while."""
    while True:
        try:
            async with asyncio.timeout(keep_alive_s):
                event = await listener.get()
        except TimeoutError:
            yield None
            continue
        if event is None:
            return
        yield event


def _frame(event: LiveEvent) -> bytes:
    # JSON on one line: json.dumps writes every line break as an escape.
    return f"event: {event.kind}\ndata: {json.dumps(event.data)}\n\n".encode()
