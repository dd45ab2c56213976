"""Host work on containers that exist: judged against the rows, queued as one job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings

from containers.domain import rights
from containers.domain.states import Operation
from containers.errors import Conflict, InvalidRequest
from containers.models import Job, Mount
from containers.services import access, hosts, inputs, plans, sight
from containers.services.actor import Actor
from containers.services.queue import queue

# What can be planned can be asked for; whatever else a job can be has a use case of its own.
REQUESTED: Final = plans.PLANNED


def request(
    actor: Actor,
    operation: Operation,
    names: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    *,
    retry_of: Job | None = None,
) -> Job:
    """Queue one job that does `operation` on the containers `names`, with `given` as its inputs.

    What is done already is no error: the job skips it. Raises Forbidden, NotFound naming what does not exist,
    InvalidRequest, and Conflict where the present state forbids it. Asking twice makes two jobs, the second finds nothing to do.
    """
    plans.require_planned(operation)
    access.require_somewhere(actor, rights.right_of(operation, given or {}))
    parsed = inputs.parse(operation, given or {}, idmap_size=settings.IDMAP_SIZE)
    plans.check_exist(sight.of(actor).unseen(names))
    plan, scope = plans.draw(operation, names)
    access.require_job(actor, operation, parsed.export(), names, plan.changed)
    _check(operation, plan.targets, parsed)
    return queue(actor, operation, plan.targets, parsed.export(), scope, retry_of=retry_of)


def volumes_of(name: str) -> list[str]:
    """Return the names of the volumes in a container."""
    return list(Mount.objects.filter(container__in=hosts.containers(), container__name=name).values_list("volume", flat=True))


def _check(operation: Operation, targets: tuple[str, ...], parsed: inputs.Inputs) -> None:
    if getattr(parsed, "command", None) and len(targets) > 1:
        raise InvalidRequest.of("command", "is for one container only")
    if operation == Operation.DESTROY:
        check_protection(targets)
    if isinstance(parsed, inputs.DestroyInputs) and parsed.volumes:
        _check_volumes(targets, parsed.volumes)


def check_protection(targets: tuple[str, ...]) -> None:
    """Raise Conflict naming those of `targets` that are protected from being destroyed; the worker asks once more."""
    protected = hosts.containers().filter(name__in=targets, protected=True).values_list("name", flat=True)
    if names := ", ".join(protected):
        raise Conflict(f"{names}: protected from being destroyed", resolution="Take the protection off first.")


def _check_volumes(targets: tuple[str, ...], volumes: tuple[str, ...]) -> None:
    mounts = Mount.objects.filter(container__in=hosts.containers(), volume__in=volumes)
    users: dict[str, set[str]] = {volume: set() for volume in volumes}
    for volume, name in mounts.values_list("volume", "container__name"):
        users[volume].add(name)
    for position, volume in enumerate(volumes):
        if not users[volume] & set(targets):
            raise InvalidRequest.of(f"volumes.{position}", f"{volume} is not a volume of {', '.join(targets)}")
        if others := users[volume] - set(targets):
            raise Conflict(f"The volume {volume} is also used by {', '.join(sorted(others))}")
