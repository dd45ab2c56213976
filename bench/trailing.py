"""Fills an audit trail, in a process of its own: python -m bench.trailing EVENTS JOBS."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import django

from bench import trailed_jobs

RECORDED = 1_000
CHUNK = 10_000
DATA = {
    "revision": 5,
    "before": {"definition": {"cmd": "/sbin/init", "env": {"A": "b"}}},
    "after": {"definition": {"cmd": "/bin/app", "env": {"A": "c"}}},
}
INSERT = (
    "INSERT INTO containers_event (id, at, kind, subject, user_id, user_name, remote_address, via, request_id, data, job_id, "
    "previous, digest) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def main(count: int, jobs: int) -> None:
    """Print how long an event takes in ms, and of the processor, each in a transaction of its own; then fill up to `count`."""
    django.setup()
    # Only after the set-up.
    from django.db import connection, transaction

    connection.cursor().execute("PRAGMA journal_mode=WAL")
    # The first ones load what all others find loaded.
    _record(100)
    began_s = time.process_time()
    took_s = _record(RECORDED)
    busy_s = time.process_time() - began_s
    trailed_jobs.make(jobs)
    with transaction.atomic(), connection.cursor() as cursor:
        rows = _rows(count)
        while chunk := list(islice(rows, CHUNK)):
            cursor.executemany(INSERT, chunk)
    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(json.dumps([1000 * seconds / RECORDED for seconds in (took_s, busy_s)]))


def _record(count: int) -> float:
    from django.db import transaction

    from containers.choices import Via
    from containers.services import audit
    from containers.services.actor import Actor

    actor = Actor(None, Via.WEB, "10.0.0.1", "ann", request_id="ab" * 16)
    began = time.monotonic()
    for _ in range(count):
        with transaction.atomic():
            audit.record(actor, "container.update", "shop", DATA)
    return time.monotonic() - began


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    from containers.domain import chain
    from containers.models import Event

    last = Event.objects.latest("id")
    previous, began = last.digest, datetime.now(UTC)
    for number in range(last.pk + 1, count + 1):
        at = began + timedelta(milliseconds=number)
        values = {
            "id": number,
            "at": chain.moment(at),
            "kind": "container.update",
            "subject": f"shop-{number % 100}",
            "user": 1,
            "user_name": "ann",
            "remote_address": "10.0.0.1",
            "via": "web",
            "request_id": "ab" * 16,
            "data": DATA,
            "job": None,
        }
        digest = chain.link(previous, values)
        yield (*{**values, "at": at.replace(tzinfo=None), "data": json.dumps(DATA)}.values(), previous, digest)
        previous = digest


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
