"""The rows of an installation, written by root's jobs: what belongs to it, what it was, what it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from containers.choices import InstallationState
from containers.domain.addresses import is_container_address
from containers.domain.graph import Graph
from containers.domain.installation import Outline
from containers.domain.spec import ContainerSpec
from containers.models import (
    Container,
    Host,
    Installation,
    InstallationContainer,
    InstallationPort,
    InstallationVersion,
    InstallationVolume,
    Job,
    Mount,
)
from containers.services import containers, hosts, installations, specs, storing
from containers.services.actor import Actor

PORT_FIELDS: Final = ("port", "container", "container_port", "title", "scheme", "path")


def announce(host: Host, job: Job | None, made: Outline, adopted: Mapping[str, str]) -> Installation:
    """Write that an app is being installed: its name, its volumes' names and its ports are taken from now on."""
    row = Installation.objects.create(
        host=host,
        job=job,
        name=made.instance,
        app=made.manifest.name,
        version=made.manifest.version,
        title=made.manifest.title,
        answers=made.answers.plain,
        secrets=installations.sealed(made.answers),
    )
    write_volumes(row, made, adopted)
    write_ports(row, made)
    return row


def write_volumes(row: Installation, made: Outline, adopted: Mapping[str, str]) -> None:
    """Write which volumes the installation has; those whose names are not its own were there before."""
    known = {volume.key: volume for volume in row.volumes.all()}
    row.volumes.exclude(key__in=[use.key for use in made.volumes]).delete()
    for use in made.volumes:
        is_adopted = use.key in adopted or use.name != f"{made.instance}-{use.key}"
        if use.key not in known:
            InstallationVolume.objects.create(installation=row, key=use.key, name=use.name, is_adopted=is_adopted)
        elif known[use.key].name != use.name:
            row.volumes.filter(key=use.key).update(name=use.name, is_adopted=is_adopted)


def write_ports(row: Installation, made: Outline) -> None:
    """Write which ports of the host lead to its containers."""
    put_ports(row, [{field: getattr(port, field) for field in PORT_FIELDS} for port in made.ports])


def put_ports(row: Installation, ports: Sequence[Mapping[str, Any]]) -> None:
    """Write these ports, {field: value} each, in place of those that are there."""
    row.ports.all().delete()
    for port in ports:
        InstallationPort.objects.create(installation=row, host=row.host, **{field: port[field] for field in PORT_FIELDS})


def write_containers(
    row: Installation, actor: Actor, new: Mapping[str, ContainerSpec], offers: Mapping[str, Sequence[str]]
) -> None:
    """Write the containers, by what the app calls them: new ones, and those that are there as new revisions."""
    with transaction.atomic():
        hosts.lock()
        there = dict(row.containers.values_list("key", "container__name"))
        fresh = {key: spec for key, spec in new.items() if key not in there}
        made = {container.name: container for container in storing.store(actor, list(fresh.values()))}
        for key, spec in fresh.items():
            InstallationContainer.objects.create(installation=row, key=key, container=made[spec.name])
        edges = {spec.name: tuple(name for name in spec.definition.depends) for spec in new.values()}
        for name in Graph(edges).order(edges):
            if name in there.values():
                _update(actor, next(spec for spec in new.values() if spec.name == name))
        for key in new:
            row.containers.filter(key=key).update(offers=list(offers.get(key, ())))


def _update(actor: Actor, spec: ContainerSpec) -> None:
    container = hosts.containers().with_definition().get(name=spec.name)
    changes = {
        "definition": spec.definition.export(),
        "description": spec.description,
        "autostart": spec.autostart,
        "limits": spec.limits.model_dump(),
        "timeouts": spec.timeouts.model_dump(),
    }
    containers.apply_changes(actor, container, changes)


def remember(row: Installation, copies: Mapping[str, str]) -> None:
    """Write what the installation is now, as what it was before the update that begins."""
    rows = row.containers.select_related("container")
    loaded = {container.name: container for container in hosts.containers().with_definition().filter(installed__installation=row)}
    InstallationVersion.objects.create(
        installation=row,
        version=row.version,
        title=row.title,
        kept=row.kept,
        answers=row.answers,
        secrets=row.secrets,
        notes=row.notes,
        specs={item.key: specs.data_of(loaded[item.container.name]) for item in rows},
        offers={item.key: item.offers for item in rows},
        ports=list(row.ports.values(*PORT_FIELDS)),
        volumes=dict(row.volumes.values_list("key", "name")),
        copies=dict(copies),
    )


def previous_specs(previous: InstallationVersion) -> dict[str, ContainerSpec]:
    """Return the containers of the version before, checked again. Raises InvalidRequest."""
    return {key: ContainerSpec.parse(data, idmap_size=settings.IDMAP_SIZE) for key, data in previous.specs.items()}


def set_state(row: Installation, state: InstallationState, **more: Any) -> None:
    """Write what is being done to the installation."""
    values = {"state": state, **more}
    Installation.objects.filter(pk=row.pk).update(**values)
    for name, value in values.items():
        setattr(row, name, value)


def mounted_elsewhere(row: Installation, volumes: Sequence[str]) -> set[str]:
    """Return those of the volumes that containers mount which are not the installation's."""
    mounts = Mount.objects.filter(container__host=row.host_id, volume__in=volumes)
    return set(mounts.exclude(container__installed__installation=row).values_list("volume", flat=True))


def forwards(host: Host) -> list[tuple[int, str, int]]:
    """Return (port of the host, address, port of the container) for all that is to be led on: valid rows alone."""
    rows = InstallationPort.objects.filter(host=host).values_list("port", "container", "container_port")
    addresses = dict(Container.objects.filter(host=host, is_created=True).values_list("name", "address"))
    return [
        (port, addresses[name], inner)
        for port, name, inner in rows
        if name in addresses
        and is_container_address(settings.SUBNET, addresses[name])
        and 1 <= port <= 65_535
        and 1 <= inner <= 65_535
    ]
