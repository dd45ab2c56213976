"""Events as they stand in the database, column by column, whatever anybody has written there: for whoever checks the chain.

Not through the ORM: a row that it could not read would end the check, and a million of its objects take a minute.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from containers.domain import chain

CHUNK: Final = 2_000

_COLUMNS: Final = "id, {at}, kind, subject, user_id, user_name, {address}, via, request_id, {data}, job_id, previous, digest"
_KEYS: Final = ("id", "at", "kind", "subject", "user", "user_name", "remote_address", "via", "request_id", "data", "job")
# As text, so that nothing converts and nothing fails.
_BY_VENDOR: Final = {
    "sqlite": {"at": "CAST(at AS text)", "address": "remote_address", "data": "CAST(data AS text)"},
    "postgresql": {
        "at": "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        "address": "host(remote_address)",
        "data": "data::text",
    },
}


@dataclass(frozen=True, slots=True)
class Link:
    """One event: what it says of itself, and whether that is what its digest covers."""

    number: int
    at: str
    previous: str
    digest: str
    is_intact: bool


def links(after: int, until: int | None = None) -> Iterator[Link]:
    """Yield the events after number `after` in their order; little of them is in memory at a time."""
    columns = _COLUMNS.format(**_BY_VENDOR[connection.vendor])
    query = f"SELECT {columns} FROM containers_event WHERE id > %s AND id <= %s ORDER BY id LIMIT {CHUNK}"  # noqa: S608  ours
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, [after, 2**63 - 1 if until is None else until])
            rows = cursor.fetchall()
        yield from map(_link, rows)
        if len(rows) < CHUNK:
            return
        after = rows[-1][0]


def _link(row: tuple[Any, ...]) -> Link:
    at, previous, digest = _moment(row[1]), row[-2], row[-1]
    try:
        contents = dict(zip(_KEYS, row[:-2], strict=True))
        contents["at"] = at
        contents["data"] = json.loads(row[9])
        is_intact = chain.link(previous, contents) == digest
    except (ValueError, TypeError, AttributeError, RecursionError):
        is_intact = False
    return Link(row[0], at, str(previous), str(digest), is_intact)


def _moment(text: object) -> str:
    """Return a time as it is hashed, from how the database writes it: "2026-01-02 03:04:05", with six digits or none after it."""
    value = str(text)
    return f"{value[:10]}T{value[11:]}+00:00" if "." in value else f"{value[:10]}T{value[11:]}.000000+00:00"
