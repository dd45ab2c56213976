"""How long events are kept, and how root removes those that are older: as runs, each of them signed, summed up by an event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from containers.choices import EventKind, Via
from containers.domain import chain
from containers.domain.checkpoint import Gap
from containers.errors import Untrusted
from containers.models import Event, EventGap
from containers.services import audit
from containers.services.actor import Actor
from containers.services.audit_verify import gap_of

# Events removed in one transaction.
BATCH: Final = 500

# What is never removed: without it a check could not tell what retention did from what it did not.
LASTING: Final = (EventKind.AUDIT_BEGIN, EventKind.AUDIT_SWEEP, EventKind.AUDIT_BROKEN)
# What happens often and says little after a while: who came and went, what was refused or taken out.
PASSING: Final = (
    EventKind.SIGN_IN,
    EventKind.SIGN_IN_FAIL,
    EventKind.SIGN_IN_CONFIRM,
    EventKind.SIGN_IN_CONFIRM_FAIL,
    EventKind.SIGN_OUT,
    EventKind.SESSION_END,
    EventKind.PERMISSION_REFUSE,
    EventKind.QUEUE_REFUSE,
    EventKind.TICKET_REFUSE,
    EventKind.DEFINITIONS_EXPORT,
    EventKind.JOB_EXPORT,
    EventKind.JOB_SWEEP,
    EventKind.AUDIT_EXPORT,
    EventKind.VIEW_SAVE,
    EventKind.VIEW_REMOVE,
)


@dataclass(frozen=True)
class Rule:
    """Events of these kinds are kept for so many days; None: for good."""

    word: str | Promise
    kinds: tuple[EventKind, ...]
    days: int | None


def rules() -> list[Rule]:
    """Return for how long what is kept: every kind is in one of them."""
    rest = tuple(kind for kind in EventKind if kind not in (*PASSING, *LASTING))
    return [
        Rule(_("Sign-ins, refusals, exports"), PASSING, settings.AUDIT_PASSING_DAYS),
        Rule(_("Changes, jobs, terminals"), rest, settings.AUDIT_DAYS),
        Rule(_("The trail itself"), LASTING, None),
    ]


def sweep(private: Ed25519PrivateKey, until: int) -> Iterator[int]:
    """Remove what is too old among the events before number `until`, batch by batch; yield how many each batch had.

    For root: it signs what it removes. Raises Untrusted, and removes nothing, where an event is not what was written.
    """
    while removed := _remove_batch(private, until):
        yield removed


def _remove_batch(private: Ed25519PrivateKey, until: int) -> int:
    with transaction.atomic():
        # The chain's end first, as everybody who writes an event does: two that hold half each would wait for ever.
        audit.hold_end()
        events = list(Event.objects.filter(_too_old(), pk__lt=until).order_by("pk")[:BATCH])
        if not events:
            return 0
        for run in _runs(events):
            _remove(private, run)
        kinds = Counter(str(event.kind) for event in events)
        about = {"events": len(events), "kinds": kinds, "first": chain.moment(events[0].at), "last": chain.moment(events[-1].at)}
        audit.record(Actor(None, Via.SYSTEM), EventKind.AUDIT_SWEEP, "", about)
    return len(events)


def _too_old() -> Q:
    now = timezone.now()
    old = Q(pk__in=[])
    for rule in rules():
        if rule.days is not None:
            old |= Q(kind__in=rule.kinds, at__lt=now - timedelta(days=rule.days))
    return old


def _runs(events: list[Event]) -> Iterator[list[Event]]:
    """Yield the events in runs without a number between them."""
    for _place, run in groupby(enumerate(events), key=lambda item: item[1].pk - item[0]):
        yield [event for _number, event in run]


def _remove(private: Ed25519PrivateKey, run: list[Event]) -> None:
    _check(run)
    first, last = run[0], run[-1]
    before = EventGap.objects.filter(last=first.pk - 1).first()
    after = EventGap.objects.filter(first=last.pk + 1).first()
    parts = [gap for gap in (before, after) if gap]
    own = private.public_key().public_bytes_raw().hex()
    for part in parts:
        # What is signed once more was signed before.
        gap_of(part).verify(own, part.signature)
    gap = Gap(
        first=before.first if before else first.pk,
        last=after.last if after else last.pk,
        count=len(run) + sum(part.count for part in parts),
        until=str(chain.moment(max(event.at for event in [*run, *_ends(parts)]))),
        previous=before.previous if before else first.previous,
        digest=after.digest if after else last.digest,
    )
    EventGap.objects.filter(pk__in=[part.pk for part in parts]).delete()
    EventGap.objects.create(**gap.__dict__, signature=gap.sign(private))
    # Fast: nothing points to an event that the database would have to follow.
    Event.objects.filter(pk__gte=first.pk, pk__lte=last.pk)._raw_delete(Event.objects.db)


def _ends(gaps: Iterable[EventGap]) -> Iterator[Event]:
    return (Event(at=gap.until) for gap in gaps)


def _check(run: list[Event]) -> None:
    """Raise Untrusted unless the events are what was written, in their order, after what stands before them."""
    before = Event.objects.filter(pk=run[0].pk - 1).values_list("digest", flat=True).first()
    previous = before or EventGap.objects.filter(last=run[0].pk - 1).values_list("digest", flat=True).first()
    for event in run:
        if event.previous != (previous or event.previous) or event.digest != chain.link(event.previous, audit.contents(event)):
            raise Untrusted(f"Event {event.pk} is not what was written: it is not removed")
        previous = event.digest
