"""Puts on record that somebody asked for what he may not."""

from __future__ import annotations

import asyncio
import logging
import time
from threading import Lock
from typing import Final

from django.db import DatabaseError, close_old_connections, connection

from containers.choices import EventKind
from containers.errors import Unrecorded
from containers.services import audit
from containers.services.access import Refused
from containers.services.actor import Actor

logger = logging.getLogger(__name__)

# The same refusal again within this time is no further event: a page that asks every second must not fill the trail.
SILENT_S: Final = 60.0
_MOST: Final = 1_000
_lock = Lock()
_last: dict[tuple[object, ...], float] = {}


def record(actor: Actor, refused: Refused, where: str) -> None:
    """Write that `actor` was refused, at the address `where`; what cannot be written is logged: it was refused in any case."""
    if actor.user is None or not _is_news((actor.user.pk, refused.right, refused.subject, where), time.monotonic()):
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _write(actor, refused, where)
    else:
        # A stream of events is refused in the event loop, where nothing may wait for the database.
        loop.run_in_executor(None, _write_apart, actor, refused, where)


def _write_apart(actor: Actor, refused: Refused, where: str) -> None:
    close_old_connections()
    try:
        _write(actor, refused, where)
    finally:
        connection.close()


def _write(actor: Actor, refused: Refused, where: str) -> None:
    try:
        data = {"right": refused.right, "where": where[:200], "reason": refused.brief}
        audit.record(actor, EventKind.PERMISSION_REFUSE, refused.subject, data)
    except (Unrecorded, DatabaseError) as error:
        logger.warning("%s was refused %s, which is not recorded: %s", actor.user_name, refused.right, error)


def _is_news(key: tuple[object, ...], now: float) -> bool:
    with _lock:
        if now - _last.get(key, -SILENT_S) < SILENT_S:
            return False
        if len(_last) >= _MOST:
            _last.clear()
        _last[key] = now
        return True


def forget() -> None:
    """Forget what was recorded lately: for tests."""
    _last.clear()
