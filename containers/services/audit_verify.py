"""Whether the audit trail is what was written: every event, every gap that retention left, every checkpoint.

Finds what was changed, removed and inserted, and says which. Memory does not grow with the trail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from django.db import connection

from containers.domain import chain
from containers.domain.checkpoint import Checkpoint, Gap
from containers.errors import Untrusted
from containers.models import EventGap
from containers.services.audit_links import Link, links

# How far back an inserted event is recognised as one.
REMEMBERED: Final = 1_000

TRIGGERS: Final = {
    "sqlite": frozenset({"event_no_update", "event_no_delete", "event_no_replace"}),
    "postgresql": frozenset({"event_no_change", "event_no_truncate"}),
}


@dataclass(frozen=True)
class Finding:
    """What is wrong with events or jobs `first` to `last`, in a sentence."""

    text: str
    first: int = 0
    last: int = 0


@dataclass
class Walk:
    """One pass over the trail, from after event `number`, whose digest is `digest`; `key` is the host's public key."""

    key: str
    number: int = 0
    digest: str = chain.GENESIS
    count: int = 0
    went_back: int = 0
    _at: str = ""
    _recent: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def __post_init__(self) -> None:
        self._recent.append((self.digest, self.number))
        self._due: deque[Checkpoint] = deque()

    def expect(self, signed: Iterable[Checkpoint]) -> None:
        """Say what root has signed, in whatever order."""
        self._due = deque(sorted(signed, key=lambda checkpoint: checkpoint.event))

    def findings(self, until: int | None = None) -> Iterator[Finding]:
        """Yield all that is wrong, up to event `until`."""
        for link in links(self.number, until):
            yield from self._follow(link)
            yield from self._compare(link.number, link.digest)
            self._remember(link)
        if until is None:
            yield from self._cut_off()

    def _follow(self, link: Link) -> Iterator[Finding]:
        if link.previous != self.digest:
            yield from self._bridge(link)
        if not link.is_intact:
            yield Finding(f"event {link.number} has been changed", link.number, link.number)

    def _bridge(self, link: Link) -> Iterator[Finding]:
        """Say why `link` does not follow the one before it, unless retention has removed what stood between them."""
        before = next((number for digest, number in self._recent if digest == link.previous), None)
        if before is not None:
            first, last = before + 1, self.number
            yield Finding(f"{_events(first, last)} inserted: event {link.number} follows event {before}", first, last)
        elif gap := self._gap(link):
            yield from self._check_gap(gap, link)
        elif link.number > self.number + 1:
            first, last = self.number + 1, link.number - 1
            yield Finding(f"{_events(first, last)} missing", first, last)
        elif self.number:
            yield Finding(f"event {self.number} has been changed: event {link.number} followed another", self.number, self.number)
        else:
            yield Finding(f"event {link.number} is not the first: what it follows is missing", link.number, link.number)

    def _gap(self, link: Link) -> EventGap | None:
        return EventGap.objects.filter(first__gt=self.number, last__lt=link.number).order_by("first").first()

    def _check_gap(self, row: EventGap, link: Link) -> Iterator[Finding]:
        gap = gap_of(row)
        try:
            gap.verify(self.key, row.signature)
        except Untrusted as error:
            yield Finding(f"{_events(gap.first, gap.last)} missing: {error.brief}", gap.first, gap.last)
            return
        if (gap.previous, gap.digest) != (self.digest, link.previous):
            yield Finding(
                f"events beside {gap.first} to {gap.last}, which retention has removed, are missing", gap.first, gap.last
            )
        yield from self._compare(gap.last, gap.digest, first=gap.first)

    def _compare(self, number: int, digest: str, *, first: int | None = None) -> Iterator[Finding]:
        """Compare with what root has signed. Of events that are removed as a run only the last one's digest is known."""
        while self._due and self._due[0].event <= number:
            signed = self._due.popleft()
            if signed.event == number and signed.digest != digest:
                yield Finding(f"event {number} is not the one that was signed at {signed.at}", number, number)
            elif signed.event < (number if first is None else first):
                yield Finding(f"event {signed.event} is missing: it was signed at {signed.at}", signed.event, signed.event)

    def _cut_off(self) -> Iterator[Finding]:
        if self._due:
            last = self._due[-1]
            yield Finding(
                f"{_events(self.number + 1, last.event)} missing at the end: event {last.event} was signed at {last.at}",
                self.number + 1,
                last.event,
            )

    def _remember(self, link: Link) -> None:
        self.number, self.digest = link.number, link.digest
        self._recent.append((link.digest, link.number))
        self.count += 1
        self.went_back += link.at < self._at
        self._at = link.at


def gap_of(row: EventGap) -> Gap:
    """Return what a row says, as it is signed."""
    return Gap(row.first, row.last, row.count, str(chain.moment(row.until)), row.previous, row.digest)


def missing_triggers() -> list[str]:
    """Return the names of the triggers that are to keep the trail and are not there."""
    tables = {"sqlite": ("name", "sqlite_master WHERE type = 'trigger'"), "postgresql": ("tgname", "pg_trigger")}
    column, table = tables[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")  # noqa: S608  names of ours
        return sorted(TRIGGERS[connection.vendor] - {name for (name,) in cursor.fetchall()})


def _events(first: int, last: int) -> str:
    return f"event {first} is" if first == last else f"events {first} to {last} are"
