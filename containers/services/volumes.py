"""Volumes as rows: what is on the host, who mounts it, what is missing, and the jobs that measure and remove."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from containers.choices import MountKind
from containers.domain.names import volume_name
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.errors import Conflict, NotFound
from containers.models import Host, Job, Mount, Volume
from containers.services import access, audit, hosts
from containers.services.actor import Actor
from containers.services.queue import queue


@dataclass(frozen=True)
class Use:
    """Where a definition mounts a volume; the mountpoint is relative to the root filesystem."""

    container: str
    mountpoint: str
    is_created: bool


@dataclass(frozen=True)
class Listed:
    """A volume that is on the host, in a definition, or both. `row` is None where it is not on the host."""

    name: str
    kind: str
    row: Volume | None
    uses: tuple[Use, ...]

    @property
    def is_orphan(self) -> bool:
        """On the host, and in no definition."""
        return self.row is not None and not self.uses

    @property
    def is_missing(self) -> bool:
        """Not on the host, although a container that was made there has it."""
        return self.row is None and any(use.is_created for use in self.uses)

    @property
    def is_to_come(self) -> bool:
        """Made together with its container, which is not on the host yet."""
        return self.row is None and not self.is_missing


def listing() -> list[Listed]:
    """Return all volumes by name; two queries."""
    rows = {row.name: row for row in Volume.objects.filter(host__name=hosts.current_name())}
    uses: dict[str, list[Mount]] = {}
    mounts = Mount.objects.filter(container__in=hosts.containers()).select_related("container")
    for mount in mounts.order_by("volume", "container__name"):
        uses.setdefault(mount.volume, []).append(mount)
    return [_listed(name, rows.get(name), uses.get(name, [])) for name in sorted({*rows, *uses})]


def _listed(name: str, row: Volume | None, mounts: list[Mount]) -> Listed:
    kind = row.kind if row else mounts[0].kind
    uses = tuple(Use(mount.container.name, mount.mountpoint, mount.container.is_created) for mount in mounts)
    return Listed(name, kind, row, uses)


def names(*, containing: str, most: int) -> list[str]:
    """Return the names of volumes that are on the host, in order; one query."""
    rows = Volume.objects.filter(host__name=hosts.current_name(), name__icontains=containing)
    return list(rows.order_by("name").values_list("name", flat=True)[:most])


def listed(volume: Volume) -> Listed:
    """Return a volume with what mounts it; one query."""
    mounts = Mount.objects.filter(container__in=hosts.containers(), volume=volume.name).select_related("container")
    return _listed(volume.name, volume, list(mounts.order_by("container__name")))


def users(name: str) -> list[str]:
    """Return the containers whose definitions mount the volume, by name."""
    mounts = Mount.objects.filter(container__in=hosts.containers(), volume=name)
    return sorted(mounts.values_list("container__name", flat=True))


def require_mounts(actor: Actor, specs: Iterable[ContainerSpec]) -> None:
    """Raise Refused where who may edit only some containers would mount what others keep their data in.

    What a container mounts already it may go on mounting. A volume that nothing mounts is somebody's who is not known any more.
    """
    if access.may(actor, "edit"):
        return
    there = set(Volume.objects.filter(host__name=hosts.current_name()).values_list("name", flat=True))
    for spec in specs:
        for name in sorted(spec.definition.mounts):
            holders = users(name)
            if spec.name in holders or (name not in there and not holders):
                continue
            if not holders or not access.may(actor, "edit", *holders):
                raise access.Refused(f"You may not mount volume {name}: others keep data in it", actor, "edit", spec.name)


def get(name: str) -> Volume:
    """Return the volume of that name. Raises NotFound, also for what cannot be a name."""
    rows = Volume.objects.filter(host__name=hosts.current_name(), name=name)
    found = rows.select_related("host").first() if hosts.is_name(volume_name, name) else None
    if found is None:
        raise NotFound(f"There is no volume {name[:64]!r} on the host")
    return found


def request_scan(actor: Actor) -> Job:
    """Queue the measuring of all volumes."""
    access.require(actor, "operate")
    return queue(actor, Operation.VOLUME_SCAN, [], {})


def request_remove(actor: Actor, volume: Volume) -> Job:
    """Queue the removal of a volume. Raises Conflict naming the containers that mount it; the worker asks once more."""
    access.require(actor, "destroy")
    check_unused(volume.name)
    with transaction.atomic():
        job = queue(actor, Operation.VOLUME_REMOVE, [volume.name], {}, host=volume.host)
        audit.record(actor, "volume.remove", volume.name, {}, job)
    return job


def check_unused(name: str) -> None:
    """Raise Conflict while a definition mounts the volume."""
    if found := users(name):
        resolution = "Take it out of their definitions first."
        raise Conflict(f"The volume {name} is mounted by {', '.join(found)}", resolution=resolution)


def known(host: Host) -> set[str]:
    """Return the names of the rows: what `record_listing` may find gone."""
    return set(Volume.objects.filter(host=host).values_list("name", flat=True))


def record_listing(host: Host, found: Mapping[str, bool], before: Collection[str], at: datetime) -> None:
    """Write which volumes are on the host, {name: whether it is a file}; of `before`, what is not among them goes.

    Sizes that are known stay. For root's processes, which alone may look.
    """
    with transaction.atomic():
        record_made(host, found)
        record_removed(host, set(before) - set(found))
        Host.objects.filter(pk=host.pk).update(volumes_seen_at=at)


def record_made(host: Host, made: Mapping[str, bool]) -> None:
    """Write that these are on the host, {name: whether it is a file}."""
    known = dict(Volume.objects.filter(host=host, name__in=made).values_list("name", "kind"))
    kinds = {name: MountKind.FILE if is_file else MountKind.DIRECTORY for name, is_file in made.items()}
    changed = [name for name in known if known[name] != kinds[name]]
    Volume.objects.filter(host=host, name__in=changed).delete()
    new = [Volume(host=host, name=name, kind=kinds[name]) for name in made if name not in known or name in changed]
    Volume.objects.bulk_create(new, ignore_conflicts=True)


def record_removed(host: Host, gone: Iterable[str]) -> None:
    """Write that these are not on the host any more."""
    Volume.objects.filter(host=host, name__in=list(gone)).delete()


def record_size(host: Host, name: str, size_bytes: int, at: datetime) -> None:
    """Write how much of the disk a volume took at `at`."""
    Volume.objects.filter(host=host, name=name).update(size_bytes=size_bytes, measured_at=at)
