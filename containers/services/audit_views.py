"""Saved views of the audit page: filters under a name, each person's own."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.http import QueryDict

from containers.choices import EventKind
from containers.domain.text import check_text
from containers.errors import Conflict, Forbidden, InvalidRequest, NotFound
from containers.models import SavedView
from containers.services import access, audit
from containers.services.actor import Actor

MAX_NAME: Final = 60
MAX_QUERY: Final = 1_000
MOST: Final = 50


def save(actor: Actor, name: str, query: str) -> SavedView:
    """Keep a query of the page under a name; one of that name is replaced. Raises InvalidRequest, and Conflict for too many."""
    access.require(actor, "audit")
    if actor.user is None:
        raise Forbidden("A view is saved by somebody who is signed in")
    name, query = _checked(name), QueryDict(query[: MAX_QUERY + 1]).urlencode()
    if len(query) > MAX_QUERY:
        raise InvalidRequest.of("query", f"is longer than {MAX_QUERY} characters")
    others = SavedView.objects.filter(user=actor.user).exclude(name=name)
    if others.count() >= MOST:
        raise Conflict(f"There are {MOST} saved views already", resolution="Remove one of them first.")
    with transaction.atomic():
        view, _made = SavedView.objects.update_or_create(user=actor.user, name=name, defaults={"query": query})
        audit.record(actor, EventKind.VIEW_SAVE, name, {"query": query})
    return view


def remove(actor: Actor, number: int) -> None:
    """Remove a view of the actor's own. Raises NotFound."""
    access.require(actor, "audit")
    view = SavedView.objects.filter(user=actor.user, pk=number).first()
    if view is None:
        raise NotFound(f"There is no saved view {number}")
    with transaction.atomic():
        audit.record(actor, EventKind.VIEW_REMOVE, view.name, {"query": view.query})
        view.delete()


def _checked(name: str) -> str:
    try:
        name = check_text(name.strip(), max_length=MAX_NAME)
    except ValueError as error:
        raise InvalidRequest.of("name", str(error)) from error
    if not name:
        raise InvalidRequest.of("name", "is needed")
    return name
