"""Containers as rows: made, changed, cloned, restored, forgotten. Saving never touches what runs on the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from containers.choices import EventKind
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.errors import Conflict, InvalidRequest, NotFound, Overtaken
from containers.models import Container, Job, Revision
from containers.services import access, audit, events, hosts, references, specs, storing, volumes
from containers.services.actor import Actor
from containers.services.queue import queue
from containers.services.specs import spec_of

__all__ = [
    "clone_container",
    "create_container",
    "forget",
    "restore_revision",
    "spec_of",
    "update_container",
]

CHANGEABLE: Final = ("definition", "description", "autostart", "protected", "limits", "timeouts")


def create_container(actor: Actor, spec: ContainerSpec) -> tuple[Container, Job]:
    """Write a container with its first revision and an address, and queue the job that makes its directories.

    Raises InvalidRequest (missing names, a cycle), Conflict (the name is taken), AddressesExhausted.
    """
    access.require(actor, "edit", spec.name)
    volumes.require_mounts(actor, [spec])
    with transaction.atomic():
        (container,) = storing.store(actor, [spec])
        job = queue(actor, Operation.CREATE, [spec.name], {}, [spec.name], host=container.host)
    container.last_job = job
    events.publish_container(container)
    return container, job


def update_container(
    actor: Actor, container: Container, changes: Mapping[str, Any], *, expected_revision: int | None = None
) -> Container:
    """Write the container as it is with `changes` to it, as a new revision; nothing that runs is touched.

    `changes` has JSON values: `definition` replaces the definition as a whole, `limits` and `timeouts` are merged key
    by key. The whole is validated. Where nothing differs, nothing is written. Raises InvalidRequest, and Conflict when
    somebody else has saved since `expected_revision` (by default since `container` was loaded).
    """
    access.require(actor, "edit", container.name)
    # Read once more only for who may edit some containers and not all.
    if not access.may(actor, "edit"):
        volumes.require_mounts(actor, [_changed(container, changes)])
    return apply_changes(actor, container, changes, expected_revision=expected_revision)


def apply_changes(
    actor: Actor, container: Container, changes: Mapping[str, Any], *, expected_revision: int | None = None
) -> Container:
    """Do what `update_container` does for who may: the jobs of an app on the app's own containers."""
    if container.build_job_id is not None:
        raise Conflict(f"{container.name} is there for job {container.build_job_id} alone and goes with it")
    expected = container.revision if expected_revision is None else expected_revision
    if expected != container.revision:
        raise _overtaken(container, expected)
    before = specs.data_of(container)
    spec = _changed(container, changes)
    if spec.export() == before:
        return container
    with transaction.atomic():
        _write(actor, container, spec)
        difference = audit.changes(before, spec.export())
        audit.record(actor, "container.update", spec.name, {"revision": container.revision, **difference})
    events.publish_container(container)
    return container


def clone_container(actor: Actor, container: Container, new_name: str) -> tuple[Container, Job]:
    """Make another container with the same definition and settings; volumes are shared, not copied."""
    data = specs.data_of(container) | {"name": new_name}
    return create_container(actor, ContainerSpec.parse(data, idmap_size=settings.IDMAP_SIZE))


def restore_revision(actor: Actor, container: Container, number: int) -> Container:
    """Write what revision `number` says as a new revision. Raises NotFound, and what `update_container` raises."""
    revision = Revision.objects.filter(container=container, number=number).first() if number < 2**31 else None
    if revision is None:
        raise NotFound(f"{container.name} has no revision {str(number)[:10]}")
    return update_container(actor, container, _whole(container, revision.data))


def forget(container: Container, job: Job | None = None) -> None:
    """Delete a destroyed container's rows and release its address; jobs and revisions stay. For the worker alone.

    What it was stands in the audit trail, for whoever asked for `job`.

    Raises Conflict naming what depends on it. Repeating it is safe.
    """
    try:
        with transaction.atomic():
            if job is not None:
                audit.record_for(job, EventKind.CONTAINER_REMOVE, container.name, {"before": specs.data_of(container)})
            Container.objects.filter(pk=container.pk).delete()
    except ProtectedError as error:
        names = sorted({str(row.container) for row in error.protected_objects})  # type: ignore[attr-defined]
        raise Conflict(f"{', '.join(names)} depends on {container.name}") from error
    events.publish_container(container, removed=True)


def _whole(container: Container, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a revision keeps, with the defaults that it leaves out."""
    limits: dict[str, Any] = dict.fromkeys(specs.limits_of(container))
    timeouts: dict[str, Any] = specs.DEFAULT_TIMEOUTS.model_dump()
    return {
        "description": "",
        "autostart": False,
        "protected": False,
        **data,
        "limits": limits | data.get("limits", {}),
        "timeouts": timeouts | data.get("timeouts", {}),
    }


def _changed(container: Container, changes: Mapping[str, Any]) -> ContainerSpec:
    merged = _merged(container, specs.data_of(container), changes)
    return ContainerSpec.parse(merged, idmap_size=settings.IDMAP_SIZE)


def _merged(container: Container, before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := [key for key in changes if key not in CHANGEABLE]:
        raise InvalidRequest.of(unknown[0], "is not a key that can be changed")
    merged = {**before, **changes}
    for key, present in (("limits", specs.limits_of(container)), ("timeouts", specs.timeouts_of(container))):
        if isinstance(given := changes.get(key), Mapping):
            merged[key] = {**present, **given}
    return merged


def _write(actor: Actor, container: Container, spec: ContainerSpec) -> None:
    hosts.lock()
    found = references.resolve([spec])
    values = specs.columns(spec) | {
        "revision": container.revision + 1,
        "digest": spec.digest(container.address),
        "updated_at": timezone.now(),
    }
    if Container.objects.filter(pk=container.pk, revision=container.revision).update(**values) != 1:
        raise _overtaken(container, container.revision)
    for name, value in values.items():
        setattr(container, name, value)
    specs.write_rows(container, spec, needs=found.containers, layers=found.layers)
    # What `with_definition()` loaded is the definition before.
    container.__dict__.pop("_prefetched_objects_cache", None)
    storing.write_revision(actor, container, spec)


def _overtaken(container: Container, expected: int) -> Conflict:
    """Return who has changed what since revision `expected`."""
    rows = Revision.objects.filter(container=container, number__gte=expected).order_by("number")
    revisions = list(rows)
    if not revisions or not Container.objects.filter(pk=container.pk).exists():
        return Conflict(f"{container.name} has no revision {str(expected)[:10]}, or is gone")
    who = ", ".join(dict.fromkeys(row.user_name or row.via for row in revisions if row.number > expected)) or "Somebody"
    changed = audit.changes(_flat(revisions[0].data), _flat(revisions[-1].data))
    fields = ", ".join(dict.fromkeys([*changed["before"], *changed["after"]])) or "nothing that lasted"
    return Overtaken(
        f"{who} changed {fields} of {container.name} meanwhile",
        resolution=f"Look at revision {revisions[-1].number} and make your change again.",
    )


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    definition = {f"definition.{key}": value for key, value in data.get("definition", {}).items()}
    return {**{key: value for key, value in data.items() if key != "definition"}, **definition}
