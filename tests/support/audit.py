"""A trail, and what somebody with all rights of the database can do to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from containers.choices import Via
from containers.domain import chain
from containers.domain.layout import Layout
from containers.jobs.auditing import Keeper
from containers.models import Event
from containers.services import audit
from containers.services.actor import Actor
from containers.services.audit_verify import TRIGGERS, Walk

SYSTEM = Actor(None, Via.SYSTEM)


def keeper_below(path: Path) -> Keeper:
    """Root's keeper with a key and a file of checkpoints of its own."""
    layout = Layout(data_dir=path, log_dir=path, run_dir=path)
    layout.keys.mkdir(mode=0o700)
    layout.repository.mkdir()
    return Keeper(layout)


def write(count: int, kind: str = "demo.create", *, days_ago: float = 0) -> None:
    """Write events, as if it had been so many days ago."""
    for number in range(count):
        event = audit.record(SYSTEM, kind, f"thing-{number}", {"number": number})
        if days_ago:
            at = timezone.now() - timedelta(days=days_ago)
            event.at = at
            values = [digest_of(event), at.replace(tzinfo=None), event.pk]
            tamper("UPDATE containers_event SET digest = %s, at = %s WHERE id = %s", values)


def digest_of(event: Event) -> str:
    """The digest that an event ought to have."""
    return chain.link(event.previous, audit.contents(event))


def tamper(statement: str, params: list[Any] | None = None) -> None:
    """Run a statement with the triggers out of the way."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'event_no_%%'", [])
        triggers = cursor.fetchall()
        for name, _sql in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute(statement, params)
        for _name, sql in triggers:
            cursor.execute(sql)
    assert len(triggers) == len(TRIGGERS["sqlite"])


def compute_anew() -> None:
    """Give every event the digests that it would have, had what stands there been written: the cleverest of forgers."""
    previous = chain.GENESIS
    for event in Event.objects.order_by("id"):
        event.previous = previous
        previous = digest_of(event)
        tamper("UPDATE containers_event SET previous = %s, digest = %s WHERE id = %s", [event.previous, previous, event.pk])


def findings(keeper: Keeper) -> list[str]:
    """All that a check says."""
    walk = Walk(keeper.public_key)
    walk.expect(keeper.signed())
    return [finding.text for finding in walk.findings()]
