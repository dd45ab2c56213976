"""Signing in and out, and confirming who it is: put on record, and held up where somebody guesses.

The trail itself is what is counted, so the limit holds for all web processes together, and without Redis.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Final

from django.db.models import Count, Q
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
_MAX_NAME: Final = 100
_FAILURES: Final = (EventKind.SIGN_IN_FAIL, EventKind.SIGN_IN_CONFIRM_FAIL)


def check_pace(actor: Actor, name: str, *, factor: bool = False) -> None:
    """Raise Conflict where too many wrong answers came lately; asked before a password or a code is looked at. One query."""
    here, account = Q(remote_address=actor.remote_address), Q(subject=_subject(name))
    failures = Event.objects.filter(here | account, kind__in=_FAILURES, at__gt=timezone.now() - WITHIN)
    limits = {
        "both": (here & account, MOST_FOR_BOTH),
        "address": (here, MOST_FROM_ADDRESS),
        "account": (account, MOST_FOR_ACCOUNT),
    }
    if factor:
        limits["codes"] = (account & Q(data__has_key="factor"), MOST_CODES)
    found = failures.aggregate(**{name: Count("id", filter=which) for name, (which, _) in limits.items()})
    if any(found[name] >= most for name, (_, most) in limits.items()):
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
