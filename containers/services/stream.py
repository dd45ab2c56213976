"""Live events received: one Redis subscription for the whole process, fanned out to all who listen in it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import redis.asyncio
from django.conf import settings

from containers.services.events import channel

logger = logging.getLogger(__name__)

# A listener that is this far behind is let go; its browser comes back and reads what it missed from the pages.
MAX_BACKLOG: Final = 1_000
MAX_RECONNECT_DELAY_S: Final = 5.0
CANCEL_AGAIN_S: Final = 0.1


@dataclass(frozen=True)
class LiveEvent:
    """One event: its kind ("container", "job", "step", "command", "line") and its data."""

    kind: str
    data: dict[str, Any]


@dataclass(eq=False)
class Listener:
    """One who listens. `get` returns None when nothing more will come."""

    _queue: asyncio.Queue[LiveEvent | None] = field(default_factory=lambda: asyncio.Queue(MAX_BACKLOG))

    async def get(self) -> LiveEvent | None:
        """Wait for the next event."""
        return await self._queue.get()

    def put(self, event: LiveEvent) -> bool:
        """Pass an event on; False when the listener is too far behind, and then it will get no more."""
        if not self._queue.full():
            self._queue.put_nowait(event)
            return True
        self.end()
        return False

    def end(self) -> None:
        """Let it go: what it has not got yet it will not get."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)


class Fanout:
    """The subscription of one event loop: begins with the first listener, ends with the last."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Listener]:
        """Yield a listener; what is published from then on reaches it."""
        listener = Listener()
        self._listeners.add(listener)
        if self._task is None:
            self._task = asyncio.create_task(self._receive())
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                await self._stop()

    async def wait_subscribed(self, timeout_s: float) -> bool:
        """Wait until Redis has confirmed the subscription, from when on nothing is missed; False when it has not in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._subscribed.wait()
        return self._subscribed.is_set()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        while task is not None and not task.done():
            # More than once: redis-py swallows a cancel that comes while it connects.
            task.cancel()
            await asyncio.wait([task], timeout=CANCEL_AGAIN_S)

    @property
    def _is_current(self) -> bool:
        """Whether the running task is the one that serves the listeners: one whose end was interrupted must not serve on."""
        return self._task is asyncio.current_task()

    async def _receive(self) -> None:
        delay = 0.1
        while self._is_current:
            try:
                await self._subscribe()
            except (redis.RedisError, OSError) as error:
                logger.warning("live events: Redis does not answer: %s", error)
            self._subscribed.clear()
            await asyncio.sleep(delay)
            delay = min(2 * delay, MAX_RECONNECT_DELAY_S)

    async def _subscribe(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        async with client, client.pubsub(ignore_subscribe_messages=False) as pubsub:
            await pubsub.subscribe(channel())
            async for message in pubsub.listen():
                if not self._is_current:
                    return
                if message["type"] == "subscribe":
                    self._subscribed.set()
                elif event := _read(message["data"]):
                    self._pass_on(event)

    def _pass_on(self, event: LiveEvent) -> None:
        for listener in list(self._listeners):
            if not listener.put(event):
                self._listeners.discard(listener)


def _read(raw: bytes) -> LiveEvent | None:
    """Return the event in a message; None for what is none: others may write to Redis, too."""
    try:
        match json.loads(raw):
            case {"kind": str(kind), "data": dict(data)} if kind.isidentifier():
                return LiveEvent(kind, data)
    except (ValueError, RecursionError):
        pass
    return None


_fanouts: dict[asyncio.AbstractEventLoop, Fanout] = {}


def fanout() -> Fanout:
    """Return the running event loop's subscription."""
    loop = asyncio.get_running_loop()
    for other in [other for other in _fanouts if other.is_closed()]:
        del _fanouts[other]
    return _fanouts.setdefault(loop, Fanout())
