"""One session, in a process of its own: from a ticket to its kind's handler, with an end in words whatever happens."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError

from containers.choices import EventKind, Via
from containers.errors import Forbidden, HostError, Malformed, SpocError
from containers.services import audit, tickets
from containers.services.actor import Actor
from containers.services.tickets import Order
from containers.sessions.connection import GREETING_TIMEOUT_S, Connection, Gone
from containers.sessions.handlers import HANDLERS

logger = logging.getLogger(__name__)


def serve(connection: Connection) -> None:
    """Redeem the ticket that comes first and do what it is for. Never raises: the other end is told, or has gone."""
    try:
        _run(connection)
    except Gone:
        pass
    except SpocError as error:
        logger.info("a session was refused or failed: %s", error)
        connection.tell_error(error)
    except DatabaseError as error:
        logger.exception("a session")
        connection.tell_error(HostError(f"The database did not answer: {error}", resolution="Try again in a moment"))
    except Exception:
        logger.exception("a session")
        connection.tell_error(HostError("This is a bug in spocweb", resolution="The panel's output says more"))


def _run(connection: Connection) -> None:
    order = _redeem(connection.receive(GREETING_TIMEOUT_S).message)
    HANDLERS[order.kind](order, connection)
    connection.tell({"end": {}})


def _redeem(greeting: dict[str, Any]) -> Order:
    match greeting:
        case {"ticket": str(text), "user": int(user_id), "kind": str(kind), "subject": str(subject), **more} if not more:
            try:
                return tickets.redeem(text, user_id=user_id, kind=kind, subject=subject)
            except Forbidden as error:
                _record_refusal(error, user_id, kind, subject)
                raise
    raise Malformed("A ticket was expected, and what it is for")


def _record_refusal(error: Forbidden, user_id: int, kind: str, subject: str) -> None:
    """Keep a record of a session that was not opened; never of the ticket's text."""
    about = {"session": kind[:40], "user": user_id, "reason": error.brief}
    audit.record(Actor(None, Via.SYSTEM), EventKind.TICKET_REFUSE, subject, about)
