"""Differences between definitions and the host as rows: written by the monitor, judged by people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from containers.domain import drift
from containers.domain.drift import Aspect, Entry
from containers.errors import Conflict
from containers.models import Container, Host
from containers.services import access, audit, containers, events, hosts
from containers.services.actor import Actor


def entries(container: Container) -> list[Entry]:
    """Return what differs; what a row holds that cannot be read is left out."""
    data = container.drift if isinstance(container.drift, list) else []
    return [entry for entry in map(Entry.read, data) if entry is not None]


def entries_of(names: Collection[str]) -> dict[str, list[Entry]]:
    """Return what differs of several containers; one query."""
    rows = Container.objects.filter(host__name=hosts.current_name(), name__in=names).only("name", "drift")
    return {row.name: entries(row) for row in rows}


def record(host: Host, found: Mapping[str, Sequence[Entry]], at: datetime) -> None:
    """Write a look at many containers, {name: what differs}; two queries, and one for each where that has changed."""
    same: list[int] = []
    for row in Container.objects.filter(host=host, name__in=found):
        digest = drift.digest(found[row.name])
        if digest == row.drift_digest:
            same.append(row.pk)
            continue
        row.drift, row.drift_digest, row.drift_at = [entry.export() for entry in found[row.name]], digest, at
        row.save(update_fields=["drift", "drift_digest", "drift_at"])
        events.publish_container(row)
    Container.objects.filter(~Q(drift_digest=""), pk__in=same).update(drift_at=at)


def clear(host: Host, name: str) -> None:
    """Write that a container was brought in order; the next look says whether it is."""
    for row in Container.objects.filter(~Q(drift_digest=""), host=host, name=name):
        Container.objects.filter(pk=row.pk).update(drift=[], drift_digest="")
        row.drift_digest = ""
        events.publish_container(row)


def ignore(actor: Actor, container: Container) -> None:
    """Say no more of what differs now; anything else that differs is told again. Raises Conflict where nothing differs."""
    access.require(actor, "edit", container.name)
    if not container.drift_digest:
        raise Conflict(f"Nothing of {container.name} differs")
    with transaction.atomic():
        Container.objects.filter(pk=container.pk).update(drift_ignored=container.drift_digest)
        audit.record(actor, "drift.ignore", container.name, {"keys": [entry.key for entry in entries(container)]})
    container.drift_ignored = container.drift_digest
    events.publish_container(container)


def can_adopt(container: Container) -> bool:
    """Whether something that differs is a thing that a definition can say: limits, and nothing else."""
    return any(entry.aspect == Aspect.LIMITS for entry in entries(container))


def adopt(actor: Actor, container: Container) -> Container:
    """Save the limits that the kernel holds the container to as a new revision. Raises Conflict, InvalidRequest."""
    limits = {
        entry.key.removeprefix("limits."): _amount(entry.actual) for entry in entries(container) if entry.aspect == Aspect.LIMITS
    }
    if not limits:
        raise Conflict(
            f"Nothing of what differs of {container.name} can stand in its definition",
            resolution="Repair it, or ignore it.",
        )
    return containers.update_container(actor, container, {"limits": limits})


def _amount(text: str) -> float | int | None:
    if not text:
        return None
    return int(text) if text.isdecimal() else float(text)
