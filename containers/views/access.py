"""Who may: who a page opens to, and lookup and permission in one, which returns the object or raises NotFound or Forbidden."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_htmx.middleware import HtmxDetails

from containers.choices import Via
from containers.models import Container, Job, Layer, Volume
from containers.querysets import ContainerQuerySet, JobQuerySet, LayerQuerySet
from containers.services import access, actor, hosts, sight, volumes
from containers.services.access import Right
from containers.services.entry import EVERYBODY, Entry

__all__ = [
    "EVERYBODY",
    "Request",
    "actor_of",
    "get_container",
    "get_job",
    "get_layer",
    "get_volume",
    "opens_to",
]


View = TypeVar("View", bound=Callable[..., HttpResponseBase])
SAFE: Final = ("GET", "HEAD", "OPTIONS")


class Request(HttpRequest):
    """A request of somebody who is signed in: every view is behind `opens_to`, which asks everybody else to."""

    user: User
    htmx: HtmxDetails


def opens_to(look: Entry, change: Entry | None = None) -> Callable[[View], View]:
    """Let in who may `look`; what is posted takes `change` where that is another right. Every page says so of itself."""
    entries = {"GET": look, "POST": change or look}

    def decorate(view: View) -> View:
        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
            entries["GET" if request.method in SAFE else "POST"].require(request.user)
            return view(request, *args, **named)

        guarded = opened if look is EVERYBODY else login_required(opened)
        guarded.entries = entries  # type: ignore[attr-defined]
        return cast("View", guarded)

    return decorate


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
