"""Signing in and out: put on record, and held up where somebody guesses.

The trail itself is what is counted, so the limit holds for all web processes together, and without Redis.
"""

from __future__ import annotations

import datetime
from typing import Final

from django.utils import timezone

from containers.choices import EventKind
from containers.domain.text import shown
from containers.errors import Conflict
from containers.models import Event
from containers.services import audit
from containers.services.actor import Actor

WITHIN: Final = datetime.timedelta(minutes=5)
# Wrong answers within that time: for one account from one address, from one address, and for one account from anywhere.
MOST_FOR_BOTH: Final = 10
MOST_FROM_ADDRESS: Final = 30
MOST_FOR_ACCOUNT: Final = 100
_LOOKED_AT: Final = 300
_MAX_NAME: Final = 100


def check_pace(actor: Actor, name: str) -> None:
    """Raise Conflict where too many wrong answers came lately; asked before a password is looked at. One query."""
    subject = _subject(name)
    failures = Event.objects.filter(kind=EventKind.SIGN_IN_FAIL, at__gt=timezone.now() - WITHIN).order_by("-id")
    found = list(failures.values_list("subject", "remote_address")[:_LOOKED_AT])
    from_address = sum(address == actor.remote_address for _, address in found)
    for_account = sum(tried == subject for tried, _ in found)
    for_both = sum(one == (subject, actor.remote_address) for one in found)
    if for_both >= MOST_FOR_BOTH or from_address >= MOST_FROM_ADDRESS or for_account >= MOST_FOR_ACCOUNT:
        raise Conflict("Too many wrong answers", resolution="Try again in a few minutes.")


def record_success(actor: Actor) -> None:
    """Write that somebody has signed in."""
    audit.record(actor, EventKind.SIGN_IN, actor.user_name, {})


def record_failure(actor: Actor, name: str) -> None:
    """Write that somebody was refused who gave the name `name`."""
    audit.record(actor, EventKind.SIGN_IN_FAIL, _subject(name), {})


def record_end(actor: Actor) -> None:
    """Write that somebody has signed out."""
    audit.record(actor, EventKind.SIGN_OUT, actor.user_name, {})


def _subject(name: str) -> str:
    return shown(name, max_length=_MAX_NAME)
