"""New containers as rows: their address, their first revision, their place in the graph. No job: see the callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction

from containers.domain import addresses
from containers.domain.spec import ContainerSpec
from containers.errors import Conflict
from containers.models import Container, Host, Revision
from containers.services import audit, hosts, references, specs
from containers.services.actor import Actor

# How often an address that somebody else took in the same moment is replaced by the next.
ATTEMPTS: Final = 5


def store(
    actor: Actor, new: Sequence[ContainerSpec], *, fields: Mapping[str, str] | None = None, unavailable: bool = False
) -> list[Container]:
    """Write all of `new` or, when it raises, none; call it in a transaction.

    Raises InvalidRequest, Conflict naming those that exist already, AddressesExhausted.
    `fields` and `unavailable` are for `references.resolve`.
    """
    host = hosts.lock()
    _check_names(new)
    found = references.resolve(new, fields=fields, unavailable=unavailable)
    rows = [_insert(host, spec) for spec in new]
    keys = {**found.containers, **{row.name: row.pk for row in rows}}
    for row, spec in zip(rows, new, strict=True):
        specs.write_rows(row, spec, needs=keys, layers=found.layers)
        write_revision(actor, row, spec)
        audit.record(actor, "container.create", spec.name, {"after": spec.export()})
    return rows


def write_revision(actor: Actor, container: Container, spec: ContainerSpec) -> None:
    """Keep what has just been saved as the container's current revision; one query."""
    Revision.objects.create(
        container=container,
        container_name=container.name,
        number=container.revision,
        data=spec.revision_data(),
        user=actor.user,
        user_name=actor.user_name,
        via=actor.via,
    )


def _check_names(new: Sequence[ContainerSpec]) -> None:
    taken = hosts.containers().filter(name__in=[spec.name for spec in new]).values_list("name", flat=True)
    if names := ", ".join(taken):
        raise Conflict(f"There is a container {names} already")


def _insert(host: Host, spec: ContainerSpec) -> Container:
    for _ in range(ATTEMPTS):
        used = set(Container.objects.filter(host=host).values_list("address", flat=True))
        address = addresses.next_address(settings.SUBNET, used)
        row = Container(host=host, name=spec.name, address=address, digest=spec.digest(address), **specs.columns(spec))
        try:
            # A savepoint: PostgreSQL would give up the whole transaction.
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            _check_names([spec])
            continue
        return row
    raise Conflict(f"No address could be had for {spec.name}: others are taking them", resolution="Try again.")
