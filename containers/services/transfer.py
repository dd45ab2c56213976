"""Whole hosts as one document: {"containers": {name: definition}}.

What a container has beside its definition stands in a second object, {"settings": {name: {autostart, limits, …}}}, which
is left out where all is at its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from containers.choices import EventKind
from containers.domain.definition import Definition
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.domain.text import shown
from containers.errors import FieldError, InvalidRequest
from containers.models import Container, Job
from containers.services import access, audit, disclosure, events, hosts, sight, storing, volumes
from containers.services.actor import Actor
from containers.services.queue import queue

MAX_CONTAINERS: Final = 1_000


def import_containers(actor: Actor, document: object) -> list[tuple[Container, Job]]:
    """Write all containers of `document`, which may depend on one another, and queue one job that creates them.

    All or nothing. Raises InvalidRequest with every error, by container and key ("containers.web.layers"),
    Conflict naming those that exist already, AddressesExhausted.
    """
    access.require_somewhere(actor, "edit")
    new = _parse(document)
    names = [spec.name for spec in new]
    access.require(actor, "edit", *names)
    volumes.require_mounts(actor, new)
    with transaction.atomic():
        rows = storing.store(actor, new, fields={name: f"containers.{name}" for name in names})
        job = queue(actor, Operation.CREATE, names, {}, names, host=rows[0].host)
    for row in rows:
        row.last_job = job
        events.publish_container(row)
    return [(row, job) for row in rows]


def take(actor: Actor, name: str = "") -> None:
    """Record that definitions leave the panel: those of one container, or all of the host."""
    audit.record(actor, EventKind.DEFINITIONS_EXPORT, name or hosts.current().name, {})


def export() -> dict[str, Any]:
    """Return all containers of this host as a document that `import_containers` takes; five queries."""
    document: dict[str, Any] = {"containers": {}, "settings": {}}
    for row in sight.containers().lasting().with_definition():
        data = disclosure.data_of(row)
        # One that is not valid is shown as it is, even if that is empty.
        name = data.pop("name", "")
        document["containers"][name] = data.pop("definition")
        if data:
            document["settings"][name] = data
    if not document["settings"]:
        del document["settings"]
    return document


def _parse(document: object) -> list[ContainerSpec]:
    containers, extras = _sections(document)
    new: list[ContainerSpec] = []
    errors: list[FieldError] = []
    for name, definition in containers.items():
        try:
            new.append(_spec(name, definition, extras.get(name, {})))
        except InvalidRequest as error:
            errors += error.errors
    errors += [FieldError(f"settings.{shown(name)}", "is not among the containers") for name in extras if name not in containers]
    if errors:
        raise InvalidRequest.all(tuple(errors))
    return new


def _sections(document: object) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(document, Mapping) or not isinstance(document.get("containers"), dict):
        raise InvalidRequest.of("containers", "must be an object of definitions by name")
    if unknown := [shown(str(key)) for key in document if key not in ("containers", "settings")]:
        raise InvalidRequest.all(tuple(FieldError(key, "is not a known key") for key in unknown))
    extras = document.get("settings", {})
    if not isinstance(extras, dict):
        raise InvalidRequest.of("settings", "must be an object by container name")
    if not 1 <= len(document["containers"]) <= MAX_CONTAINERS:
        raise InvalidRequest.of("containers", f"must have 1 to {MAX_CONTAINERS} containers")
    return document["containers"], extras


def _spec(name: str, definition: object, extra: object) -> ContainerSpec:
    """Return one container; errors have the path of what was sent, not that of the value made of it."""
    path = shown(name)
    parsed = Definition.parse(definition, idmap_size=settings.IDMAP_SIZE, field=f"containers.{path}")
    if not isinstance(extra, dict):
        raise InvalidRequest.of(f"settings.{path}", "must be an object")
    if "name" in extra or "definition" in extra:
        raise InvalidRequest.of(f"settings.{path}", "has no name or definition of its own")
    try:
        return ContainerSpec.parse({"name": name, **extra, "definition": parsed.export()}, idmap_size=settings.IDMAP_SIZE)
    except InvalidRequest as error:
        raise InvalidRequest.all(tuple(_placed(path, item) for item in error.errors)) from None


def _placed(path: str, error: FieldError) -> FieldError:
    return FieldError(f"containers.{path}" if error.field == "name" else f"settings.{path}.{error.field}", error.message)
