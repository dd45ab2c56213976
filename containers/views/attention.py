"""What needs a hand: containers that are not as they should be, and a host that will not do much longer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from containers.domain.drift import Entry
from containers.domain.usage import MachineUsage
from containers.services import drift
from containers.services.audit_signed import Signed
from containers.views import charts, differences, states
from containers.views.listing import Row

MOST: Final = 8
# Shares of the disk from which it is said to be nearly full, and from which images and layers may not fit any more.
HIGH, FULL = 0.8, 0.95
# It writes when it has looked at everything, once a minute.
MONITOR_LATE: Final = timedelta(minutes=3)


@dataclass(frozen=True)
class Item:
    """One thing to look at. `words` are a tool's own; `action` is (text, address, whether it opens as a dialog)."""

    glyph: str
    ink: str
    name: str
    url: str
    text: str
    words: str = ""
    row: Row | None = None
    action: tuple[str, str, bool] | None = None


@dataclass(frozen=True)
class Attention:
    items: list[Item]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.items)


def look(
    rows: Iterable[Row], machine: MachineUsage | None, monitor_seen_at: datetime | None, signed: Signed | None = None
) -> Attention:
    """Return the first of what is wrong, the worst first, and how much it is in all.

    One query if drift is among the first, and one if changes are that wait.
    """
    found = [*_of_host(machine, monitor_seen_at), *_of_trail(signed)]
    found += sorted((item for row in rows for item in _of_container(row)), key=lambda item: (_ORDER.index(item.glyph), item.name))
    return Attention(_with_pending(_with_drift(found[:MOST])), len(found))


_DRIFT: Final = "drift"
_PENDING: Final = "pending"
_ORDER: Final = (states.FAILED.glyph, states.UNKNOWN.glyph, states.NOT_READY.glyph, _DRIFT, _PENDING)
# Of a value that changed.
_LONGEST: Final = 40


def _with_drift(items: list[Item]) -> list[Item]:
    """Return the items with what differs first of each container that is other than it is defined."""
    if not (names := [item.name for item in items if item.glyph == _DRIFT]):
        return items
    known = drift.entries_of(names)
    return [replace(item, words=_difference(known.get(item.name, []))) if item.glyph == _DRIFT else item for item in items]


def _with_pending(items: list[Item]) -> list[Item]:
    """Return the items with the first change of each container that has some that wait for a restart."""
    if not (names := [item.name for item in items if item.glyph == _PENDING]):
        return items
    known = differences.pending_of(names)
    return [replace(item, words=_changes(known.get(item.name, []))) if item.glyph == _PENDING else item for item in items]


def _changes(changes: list[differences.Change]) -> str:
    if not changes:
        return ""
    before, after = (Truncator(side.text).chars(_LONGEST) for side in (changes[0].before, changes[0].after))
    return _and_more(f"{changes[0].short_field} {before} → {after}", len(changes) - 1)


def _and_more(text: str, n: int) -> str:
    return _("%(text)s, and %(n)d more") % {"text": text, "n": n} if n else text


def _difference(entries: list[Entry]) -> str:
    if not entries:
        return ""
    first = entries[0].masked()
    is_told = first.actual or first.rendered or _("nothing")
    text = _("%(key)s is %(found)s, wanted %(wanted)s") % {
        "key": first.key,
        "found": is_told,
        "wanted": first.wanted or _("nothing"),
    }
    return _and_more(text, len(entries) - 1)


def _of_host(machine: MachineUsage | None, monitor_seen_at: datetime | None) -> Iterator[Item]:
    if monitor_seen_at is not None and timezone.now() - monitor_seen_at > MONITOR_LATE:
        text = _("has not looked at the containers for a while: states may be old")
        yield Item("unknown", "bad", _("The monitor"), "", text)
    if machine is not None and (share := machine.disk_bytes / machine.disk_total_bytes) >= HIGH:
        free = charts.size(machine.disk_total_bytes - machine.disk_bytes)
        text = _("is %(share)s full, %(free)s are free") % {"share": charts.percent(share), "free": free}
        yield Item("warn", "bad" if share >= FULL else "warn", _("The disk of the data directory"), "", text)


def _of_trail(signed: Signed | None) -> Iterator[Item]:
    if signed is not None and signed.is_late:
        text = _("has not been signed for a while: the monitor does not run, or found it broken")
        action = (_("Look"), f"{reverse('audit-list')}#signed", False)
        yield Item("warn", "bad", _("The audit trail"), reverse("audit-list"), text, action=action)


def _of_container(row: Row) -> Iterator[Item]:
    if judge := _JUDGES.get(row.badge.key):
        text, words, action = judge(row)
        url = reverse("container-detail", args=[row.name])
        yield Item(row.badge.glyph, row.badge.ink, row.name, url, text, words, row, action)
    if row.has_drift:
        url = reverse("container-drift", args=[row.name])
        yield Item(_DRIFT, "warn", row.name, url, _("differs from its definition"), action=(_("Compare"), url, False))
    if row.is_pending:
        restart = (_("Plan restart…"), reverse("container-operate", args=[row.name, "restart"]), True)
        url = f"{reverse('container-detail', args=[row.name])}#pending"
        yield Item(_PENDING, "wait", row.name, url, _("has changes that wait for a restart"), action=restart)


def _failed(row: Row) -> tuple[str, str, Any]:
    return _("did not start"), row.failure, (_("Definition"), reverse("container-definition", args=[row.name]), False)


def _not_ready(row: Row) -> tuple[str, str, Any]:
    return _("runs but is not ready"), row.failure, (_("Log"), reverse("container-log", args=[row.name]), False)


def _unknown(row: Row) -> tuple[str, str, Any]:
    return _("does not answer"), "", None


_JUDGES: Final[dict[str, Callable[[Row], tuple[str, str, Any]]]] = {
    states.FAILED.key: _failed,
    states.NOT_READY.key: _not_ready,
    states.UNKNOWN.key: _unknown,
}
