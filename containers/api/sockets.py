"""WebSockets: whoever is let in brings a ticket, and from then on bytes are relayed between browser and session server.

Runs in the event loop: nothing here may block. A slow browser makes the server wait, and the other way round.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, close_old_connections

from containers.domain import frames
from containers.domain.frames import Frame
from containers.errors import HostError, Malformed, SpocError
from containers.services import access, sessions, sight, terminals, tokens
from containers.services.following import Credential, guard

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TERMINAL_PATH: Final = re.compile(r"/api/v1/containers/([a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)/terminals/socket/", re.ASCII)
# A browser that has its connection has its ticket.
TICKET_TIMEOUT_S: Final = 10.0
MAX_TICKET: Final = 200
REFUSED: Final = 1008
NORMAL: Final = 1000
_CHUNK: Final = 65_536


async def serve(scope: Any, receive: Receive, send: Send) -> None:
    """Answer one request for a WebSocket; what is not let in is refused with a plain 403."""
    found = TERMINAL_PATH.fullmatch(scope["path"])
    await receive()
    credential = await sync_to_async(_enter)(scope) if found else None
    if found is None or credential is None:
        await send({"type": "websocket.close", "code": REFUSED})
        return
    await send({"type": "websocket.accept"})
    visit = _Visit(credential, found[1], receive, send)
    with guard().watch(visit, credential):
        await visit.run()


def _enter(scope: Any) -> Credential | None:
    """Return by what somebody is let in: a token, or a page's session where the request is one of our own pages'."""
    close_old_connections()
    try:
        request = ASGIRequest({**scope, "method": "GET", "scheme": "http"}, io.BytesIO())
        credential, user = _bearer(request) if "Authorization" in request.headers else _session(request)
    except (DatabaseError, DisallowedHost):
        return None
    finally:
        close_old_connections()
    return credential if user is not None and access.may_somewhere(user, "terminal") else None


def _bearer(request: ASGIRequest) -> tuple[Credential | None, User | None]:
    scheme, _, text = request.headers["Authorization"].partition(" ")
    user = tokens.user_of(text, request.META.get("REMOTE_ADDR", "")) if scheme.lower() == "bearer" else None
    return (Credential(user.pk, token=tokens.digest_of(text), sight=sight.of(user)), user) if user else (None, None)


def _session(request: ASGIRequest) -> tuple[Credential | None, User | None]:
    if not _is_own_page(request):
        return None, None
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    if isinstance(user, AnonymousUser):
        return None, None
    return Credential(user.pk, session=request.session.session_key or "", sight=sight.of(user)), user


def _is_own_page(request: ASGIRequest) -> bool:
    """Whether a page of ours asks: a browser sends the session's cookie with whatever page's request."""
    origin = request.headers.get("Origin", "")
    return origin in settings.CSRF_TRUSTED_ORIGINS or (bool(origin) and urlsplit(origin).netloc == request.get_host())


@dataclass(eq=False)
class _Visit:
    """One open WebSocket. `end` is called when whoever is at it may not be any more."""

    credential: Credential
    subject: str
    receive: Receive
    send: Send
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self) -> None:
        """Hang up soon."""
        self._ended.set()

    async def run(self) -> None:
        try:
            await self._relay(await self._ticket())
        except SpocError as error:
            await self._tell({"error": {"code": error.code, "brief": error.brief, "resolution": error.resolution}})
        # The browser may be gone, and then nobody needs to be told.
        with suppress(OSError, RuntimeError):
            await self.send({"type": "websocket.close", "code": NORMAL})

    async def _ticket(self) -> str:
        try:
            async with asyncio.timeout(TICKET_TIMEOUT_S):
                message = await self.receive()
        except TimeoutError:
            raise Malformed("No ticket came") from None
        text = message.get("text")
        if not isinstance(text, str) or len(text) > MAX_TICKET:
            raise Malformed("A ticket was expected")
        return text

    async def _relay(self, ticket: str) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(str(sessions.socket_path()), limit=_CHUNK)
        except OSError as error:
            raise HostError(sessions.AWAY, details=str(error), resolution="Try again in a moment") from error
        writer.write(sessions.greeting(ticket, user_id=self.credential.user, kind=terminals.KIND, subject=self.subject))
        tasks = [asyncio.create_task(part) for part in (self._up(writer), self._down(reader), self._ended.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()
        if self._ended.is_set():
            await self._tell({"end": {"ending": "revoked", "reason": "you were signed out", "exit_code": None}})
        for task in done:
            task.result()

    async def _up(self, writer: asyncio.StreamWriter) -> None:
        """Pass on what the browser sends until it goes. Raises Malformed for what is too large for a frame."""
        while (message := await self.receive())["type"] == "websocket.receive":
            text, data = message.get("text"), message.get("bytes")
            kind, payload = (frames.DATA, data or b"") if text is None else (frames.TEXT, text.encode())
            if len(payload) > frames.MAX_PAYLOAD:
                raise Malformed("This is too much at once")
            try:
                writer.write(Frame(kind, payload).encode())
                await writer.drain()
            except OSError:
                # What the server had to say is on its way down: that is what ends this.
                await asyncio.Event().wait()

    async def _down(self, reader: asyncio.StreamReader) -> None:
        """Pass on what the server sends up to its last words."""
        parts = frames.Reader()
        while received := await reader.read(_CHUNK):
            for frame in parts.feed(received):
                if frame.kind == frames.DATA:
                    await self.send({"type": "websocket.send", "bytes": frame.payload})
                    continue
                await self.send({"type": "websocket.send", "text": frame.payload.decode()})
                if frame.message.keys() & {"end", "error"}:
                    return
        raise HostError("The session server broke off", resolution="Try again in a moment")

    async def _tell(self, message: dict[str, Any]) -> None:
        with suppress(OSError, RuntimeError):
            await self.send({"type": "websocket.send", "text": frames.text(message)[frames.HEADER.size :].decode()})
