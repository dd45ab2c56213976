"""Signing in and out, and confirming who it is: put on record, and held up where somebody guesses.

The trail itself is what is counted, so the limit holds for all web processes together, and without Redis.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
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
# Wrong codes for one account from anywhere: who gets so far knows the password, and a code has six digits.
MOST_CODES: Final = 10
_LOOKED_AT: Final = 300
_MAX_NAME: Final = 100
_FAILURES: Final = (EventKind.SIGN_IN_FAIL, EventKind.SIGN_IN_CONFIRM_FAIL)


def check_pace(actor: Actor, name: str, *, factor: bool = False) -> None:
    """Raise Conflict where too many wrong answers came lately; asked before a password or a code is looked at. One query."""
    subject = _subject(name)
    failures = Event.objects.filter(kind__in=_FAILURES, at__gt=timezone.now() - WITHIN).order_by("-id")
    found = list(failures.values_list("subject", "remote_address", "data")[:_LOOKED_AT])
    from_address = sum(address == actor.remote_address for _, address, _data in found)
    for_account = sum(tried == subject for tried, _, _data in found)
    for_both = sum((tried, address) == (subject, actor.remote_address) for tried, address, _data in found)
    codes = sum(tried == subject and "factor" in data for tried, _, data in found) if factor else 0
    limits = ((for_both, MOST_FOR_BOTH), (from_address, MOST_FROM_ADDRESS), (for_account, MOST_FOR_ACCOUNT), (codes, MOST_CODES))
    if any(count >= most for count, most in limits):
        raise Conflict("Too many wrong answers", resolution="Try again in a few minutes.")


def record_success(actor: Actor, by: Iterable[str] = ()) -> None:
    """Write that somebody has signed in, by which password, codes and keys."""
    audit.record(actor, EventKind.SIGN_IN, actor.user_name, _by(by))


def record_failure(actor: Actor, name: str, factor: str = "") -> None:
    """Write that somebody was refused who gave the name `name`, for a wrong password or a wrong second factor."""
    audit.record(actor, EventKind.SIGN_IN_FAIL, _subject(name), {"factor": factor} if factor else {})


def record_confirmation(actor: Actor, by: str) -> None:
    """Write that somebody who is signed in has shown again who it is."""
    audit.record(actor, EventKind.SIGN_IN_CONFIRM, actor.user_name, _by([by]))


def record_doubt(actor: Actor, factor: str = "") -> None:
    """Write that somebody who is signed in could not show who it is."""
    audit.record(actor, EventKind.SIGN_IN_CONFIRM_FAIL, _subject(actor.user_name), {"factor": factor} if factor else {})


def record_end(actor: Actor) -> None:
    """Write that somebody has signed out."""
    audit.record(actor, EventKind.SIGN_OUT, actor.user_name, {})


def _by(methods: Iterable[str]) -> dict[str, list[str]]:
    found = [method for method in methods if method]
    return {"by": found} if found else {}


def _subject(name: str) -> str:
    return shown(name, max_length=_MAX_NAME)
