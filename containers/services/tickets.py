"""Tickets: the right to open one session with root's session server, once, within seconds.

Made for somebody after the right was checked; redeemed by root, who checks everything once more. The text is random and
only its hash is stored, so whoever reads the database cannot open a session. `KINDS` is the closed list of what can be opened.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils import timezone

from containers.choices import Via
from containers.errors import Forbidden, InvalidRequest
from containers.models import Backup, Container, Layer, Ticket
from containers.services import access, app_requests, hosts, looking
from containers.services.access import Right
from containers.services.actor import Actor
from containers.services.inputs import BackupPlace, Inputs
from containers.services.session_inputs import TerminalArguments

# Long enough for a browser to open its connection, also on a slow line.
LIFETIME: Final = datetime.timedelta(seconds=30)
# A ticket that was used or has expired answers no question after that.
KEPT_FOR: Final = datetime.timedelta(hours=1)

REFUSED: Final = "This ticket is unknown, used up or has expired"


@dataclass(frozen=True)
class Kind:
    """What is asked before a session of a kind is opened, by the web process and by root."""

    right: Right
    # What a ticket's arguments may be.
    form: type[Inputs]
    # Looks up the subject by its name; raises NotFound.
    find: Callable[[str], object]


KINDS: Final[dict[str, Kind]] = {
    "tree": Kind("view", looking.TreeInputs, looking.find),
    "leftovers": Kind("view", Inputs, looking.find_host),
    "file": Kind("execute", looking.FileInputs, looking.find),
    "backup": Kind("install", Inputs, app_requests.get_backup),
    "backup-facts": Kind("install", BackupPlace, looking.find_host),
    "terminal": Kind("terminal", TerminalArguments, hosts.get_container),
}


@dataclass(frozen=True)
class Order:
    """What a redeemed ticket asks for, all of it checked: `arguments` is of the kind's form."""

    actor: Actor
    kind: str
    subject: str
    arguments: Inputs


def issue(actor: Actor, kind: str, subject: str, arguments: Mapping[str, Any]) -> str:
    """Make a ticket for `actor` to open a session of `kind` about `subject`; return its text, which cannot be had again.

    Raises Forbidden, NotFound, and InvalidRequest for the arguments.
    """
    if actor.user is None:
        raise Forbidden("A session is opened by somebody who is signed in")
    order = _check(actor, kind, subject, arguments)
    text = secrets.token_urlsafe(32)
    Ticket.objects.create(
        digest=_digest(text),
        user=actor.user,
        kind=kind,
        subject=subject,
        arguments=order.arguments.export(),
        via=actor.via,
        remote_address=actor.remote_address,
        expires_at=timezone.now() + LIFETIME,
    )
    return text


def redeem(text: str, *, user_id: int, kind: str, subject: str) -> Order:
    """Use a ticket up and return what it is for. Whoever brings it has to know what that is: one that was got hold of is lost.

    Of several who redeem it at the same time one succeeds. Raises Forbidden for what is no ticket (any more) or is for
    something else, and all that `issue` raises: what was so then may not be any more.
    """
    ticket = Ticket.objects.select_related("user").filter(digest=_digest(text)).first()
    if ticket is None or not _use_up(ticket) or not _is_for(ticket, user_id, kind, subject):
        raise Forbidden(REFUSED)
    actor = Actor(ticket.user, Via(ticket.via) if ticket.via in Via else Via.WEB, ticket.remote_address)
    return _check(actor, kind, subject, ticket.arguments)


def _use_up(ticket: Ticket) -> bool:
    now = timezone.now()
    return Ticket.objects.filter(pk=ticket.pk, used_at=None, expires_at__gt=now).update(used_at=now) == 1


def _is_for(ticket: Ticket, user_id: int, kind: str, subject: str) -> bool:
    return (ticket.user_id, ticket.kind, ticket.subject) == (user_id, kind, subject)


def sweep() -> int:
    """Remove the tickets that nobody can use any more; return how many."""
    return Ticket.objects.filter(expires_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def _check(actor: Actor, kind: str, subject: str, arguments: object) -> Order:
    if kind not in KINDS:
        raise InvalidRequest.of("kind", "is no kind of session")
    access.require_somewhere(actor, KINDS[kind].right)
    found = KINDS[kind].find(subject)
    given = KINDS[kind].form.validate_as(arguments, field="")
    _require(actor, KINDS[kind].right, found, given)
    return Order(actor, kind, subject, given)


def _require(actor: Actor, right: Right, found: object, given: Inputs) -> None:
    """Ask for the container that it is about. A layer is of none: to read files in one is for who may change layers."""
    if isinstance(given, BackupPlace):
        app_requests.require_place(actor, given.export())
    elif isinstance(found, Backup):
        access.require_install(actor, found.app, found.installation)
    elif isinstance(found, Container):
        access.require(actor, right, found.name)
    else:
        access.require(actor, "images" if isinstance(found, Layer) and right != "view" else right)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
