"""Lookup and permission in one: returns the object, or raises NotFound or Forbidden."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from containers.choices import Via
from containers.models import Container, Job, Layer, Volume
from containers.querysets import ContainerQuerySet, JobQuerySet, LayerQuerySet
from containers.services import access, actor, hosts, volumes
from containers.services.access import Right

__all__ = ["Request", "actor_of", "get_container", "get_job", "get_layer", "get_volume", "require"]


class Request(HttpRequest):
    """A request of somebody who is signed in: every view is behind `login_required`."""

    user: User
    htmx: HtmxDetails


def require(request: Request, right: Right) -> None:
    access.require(request.user, right)


def get_container(request: Request, name: str, right: Right, rows: ContainerQuerySet | None = None) -> Container:
    """Return the container with its last job and definition loaded, unless `rows` says otherwise."""
    access.require(request.user, right)
    if rows is None:
        rows = hosts.containers().select_related("last_job").with_definition()
    return hosts.get_container(name, rows)


def get_job(request: Request, number: int, right: Right, rows: JobQuerySet | None = None) -> Job:
    access.require(request.user, right)
    return hosts.get_job(number, rows)


def get_layer(request: Request, name: str, right: Right, rows: LayerQuerySet | None = None) -> Layer:
    access.require(request.user, right)
    return hosts.get_layer(name, rows)


def get_volume(request: Request, name: str, right: Right) -> Volume:
    access.require(request.user, right)
    return volumes.get(name)


def actor_of(request: Request) -> actor.Actor:
    return actor.of_request(request, request.user, Via.WEB)
