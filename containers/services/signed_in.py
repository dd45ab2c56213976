"""The sessions of somebody's browsers: which there are, and their end. Rows of django-allauth beside Django's own sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from containers.choices import EventKind
from containers.domain.text import shown
from containers.services import audit
from containers.services.actor import Actor

_MAX_AGENT = 100


@dataclass(frozen=True)
class SignedIn:
    """A browser that is signed in: since when, from where, and what it calls itself."""

    number: int
    key: str
    since: datetime
    address: str
    agent: str


def of(user: User) -> list[SignedIn]:
    """Return the sessions of `user`, newest first; what is over already is forgotten on the way."""
    rows = sorted(UserSession.objects.purge_and_list(user), key=lambda row: (row.created_at, row.pk), reverse=True)
    return [SignedIn(row.pk, row.session_key, row.created_at, row.ip, _agent(row)) for row in rows]


@transaction.atomic
def end(actor: Actor, user: User, number: str, *, keep: str) -> int:
    """End the session `number` of `user`, or all where none is named, but never the one with the key `keep`; return how many.

    It is over for the next request of its browser; live events and terminals of it end within seconds (`services.following`).
    """
    rows = UserSession.objects.filter(user=user).exclude(session_key=keep)
    if number:
        rows = rows.filter(pk=int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else rows.none()
    found = list(rows)
    for row in found:
        audit.record(actor, EventKind.SESSION_END, user.get_username(), {"address": row.ip, "browser": _agent(row)})
        row.end()
    return len(found)


def sweep() -> int:
    """Forget sessions that are over by themselves; return how many. Safe to repeat."""
    count, _by_model = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return count


def _agent(row: UserSession) -> str:
    return shown(row.user_agent, max_length=_MAX_AGENT)
