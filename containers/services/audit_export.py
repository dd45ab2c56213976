"""Events as lines of a file: CSV for tables, JSON lines for programs. Little of it is in memory at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from containers.choices import EventKind
from containers.models import Event
from containers.querysets import EventQuerySet
from containers.services import audit, sight, typed
from containers.services.actor import Actor
from containers.services.sight import Sight

CHUNK: Final = 1_000
COLUMNS: Final = (
    "id",
    "at",
    "kind",
    "subject",
    "user",
    "user_name",
    "remote_address",
    "via",
    "request_id",
    "job",
    "data",
    "previous",
    "digest",
)
# What makes a table's program take a text for a formula (OWASP: CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def values_of(event: Event, look: Sight | None = None) -> dict[str, Any]:
    """Return an event as it is exported, for who looks: what its digest covers, and the digests."""
    data = typed.of_event(event, look or sight.current())
    return {**audit.contents(event), "data": data, "previous": event.previous, "digest": event.digest}


def jsonl(events: EventQuerySet) -> Iterator[str]:
    """Return a line of JSON for each event: ASCII, so that no character of it does anything to a terminal."""
    look = sight.current()
    return (json.dumps(values_of(event, look), sort_keys=True) + "\n" for event in events.iterator(CHUNK))


def as_csv(events: EventQuerySet) -> Iterator[str]:
    """Return a heading and a line for each event (RFC 4180). What a table would take for a formula gets a ' before it."""
    return _as_csv(events, sight.current())


def _as_csv(events: EventQuerySet, look: Sight) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for event in events.iterator(CHUNK):
        writer.writerow(_cells(values_of(event, look)))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cells(values: Mapping[str, Any]) -> list[str]:
    return [cell(json.dumps(values[key], sort_keys=True) if key == "data" else values[key]) for key in COLUMNS]


def cell(value: object) -> str:
    """Return a value as a cell that is a text to every program."""
    if value is None:
        return ""
    text = str(value)
    visible = "".join(character if character.isprintable() else f"<U+{ord(character):04X}>" for character in text)
    return f"'{visible}" if text.startswith(_FORMULA) or visible.startswith(_FORMULA) else visible


# By the name in the address; with the type of content.
FORMATS: Final[Mapping[str, tuple[Callable[[EventQuerySet], Iterator[str]], str]]] = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "jsonl": (jsonl, "application/x-ndjson"),
}


def taken(actor: Actor, name: str, query: Mapping[str, Any]) -> int:
    """Record that somebody takes events out, and return the number of that event: the last one that is not in the file."""
    return audit.record(actor, EventKind.AUDIT_EXPORT, "", {"format": name, "query": dict(query)}).pk
