"""Lookup and permission in one: returns the object, or raises NotFound or Forbidden."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from containers.choices import Via
from containers.models import Container, Job, Layer, Volume
from containers.querysets import ContainerQuerySet, JobQuerySet, LayerQuerySet
from containers.services import access, actor, hosts, sight, volumes
from containers.services.access import Right

__all__ = [
    "Request",
    "actor_of",
    "get_container",
    "get_job",
    "get_layer",
    "get_volume",
    "require",
    "require_act",
    "require_somewhere",
]


class Request(HttpRequest):
    """A request of somebody who is signed in: every view is behind `login_required`."""

    user: User
    htmx: HtmxDetails


def require(request: Request, right: Right, *names: str) -> None:
    """Refuse who may not do `right` on the containers `names`, or on all there are where none is named."""
    access.require(request.user, right, *names)


def require_somewhere(request: Request, right: Right) -> None:
    """Refuse who may not do `right` on any container; what the page shows is restricted by `services.sight`."""
    access.require_somewhere(request.user, right)


def require_act(request: Request) -> None:
    """Refuse who may do nothing but look: what exactly it takes depends on what is asked for, and the service asks."""
    access.require_act(request.user)


def get_container(request: Request, name: str, right: Right, rows: ContainerQuerySet | None = None) -> Container:
    """Return the container with its last job and definition loaded, unless `rows` says otherwise."""
    access.require_somewhere(request.user, right)
    if rows is None:
        rows = hosts.containers().select_related("last_job").with_definition()
    found = sight.container(name, rows)
    access.require(request.user, right, name)
    return found


def get_job(request: Request, number: int, rows: JobQuerySet | None = None) -> Job:
    """Return a job that may be seen; what is done with it is the service's to refuse."""
    access.require_somewhere(request.user, "view")
    return hosts.get_job(number, sight.jobs() if rows is None else rows)


def get_layer(request: Request, name: str, right: Right, rows: LayerQuerySet | None = None) -> Layer:
    access.require(request.user, right)
    return hosts.get_layer(name, rows)


def get_volume(request: Request, name: str, right: Right) -> Volume:
    access.require(request.user, right)
    return volumes.get(name)


def actor_of(request: Request) -> actor.Actor:
    return actor.of_request(request, request.user, Via.WEB)
