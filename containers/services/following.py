"""Who still may follow live events: asked again while a stream is open, since nobody is signed in for ever.

One question for all streams of a process, not one for each: two hundred open browsers are to cost little.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from asgiref.sync import sync_to_async
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from containers.services import access, sight, tokens
from containers.services.sight import EVERYTHING, Sight

logger = logging.getLogger(__name__)

# How long a stream may outlive a sign-out at most.
CHECK_EVERY_S: Final = 15.0


@dataclass(frozen=True)
class Credential:
    """By what somebody was let in: the key of a session of the panel, or the digest of a token of the API."""

    user: int
    session: str = ""
    token: str = ""
    # What may be seen: a stream that begins with one answer ends when there is another.
    sight: Sight = EVERYTHING


def refused(credentials: Collection[Credential]) -> set[Credential]:
    """Return those that would not be let in now: signed out, switched off, without the right, the password another one.

    Three queries, and up to three for each account; close to nothing for each stream.
    """
    users = {user.pk: user for user in User.objects.filter(pk__in={credential.user for credential in credentials})}
    keys = {credential.session for credential in credentials if credential.session}
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    sessions = {row.session_key: row.get_decoded() for row in rows}
    known = tokens.known({credential.token for credential in credentials if credential.token})

    def is_good(credential: Credential) -> bool:
        user = users.get(credential.user)
        if user is None or not access.may_somewhere(user, "view") or sight.of(user) != credential.sight:
            return False
        return credential.token in known if credential.token else _is_session_of(sessions.get(credential.session, {}), user)

    return {credential for credential in credentials if not is_good(credential)}


def _is_session_of(data: dict[str, Any], user: User) -> bool:
    """Whether a session's data is a sign-in of `user` with the password that the account has now."""
    is_user = data.get(SESSION_KEY) == str(user.pk)
    return is_user and constant_time_compare(str(data.get(HASH_SESSION_KEY, "")), user.get_session_auth_hash())


class Ending(Protocol):
    """What can be ended from outside: a stream of events, an open WebSocket."""

    def end(self) -> None:
        """End it, soon."""


class Guard:
    """Ends the streams of one event loop whose credentials are good no more."""

    def __init__(self) -> None:
        self._watched: dict[Ending, Credential] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watch(self, listener: Ending, credential: Credential) -> Iterator[None]:
        """End `listener` as soon as `credential` is found to be good no more; the block is the stream."""
        self._watched[listener] = credential
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            del self._watched[listener]
            if not self._watched:
                self._task.cancel()
                self._task = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            gone = await sync_to_async(_ask)(set(self._watched.values()))
            for listener in [listener for listener, credential in self._watched.items() if credential in gone]:
                listener.end()


def _ask(credentials: set[Credential]) -> set[Credential]:
    """Ask the database; one that does not answer ends nobody's stream."""
    close_old_connections()
    try:
        return refused(credentials)
    except DatabaseError as error:
        logger.warning("who still may follow events is not known: %s", error)
        return set()
    finally:
        close_old_connections()


_guards: dict[asyncio.AbstractEventLoop, Guard] = {}


def guard() -> Guard:
    """Return the running event loop's guard."""
    loop = asyncio.get_running_loop()
    for other in [other for other in _guards if other.is_closed()]:
        del _guards[other]
    return _guards.setdefault(loop, Guard())
