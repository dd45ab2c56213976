"""Terminals in containers: asked for, joined again, ended, and put on record. What runs in one is root's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from containers.choices import ContainerState, TerminalEnding, Via
from containers.errors import Conflict, Forbidden, InvalidRequest, NotFound
from containers.models import TerminalSession
from containers.querysets import TerminalQuerySet
from containers.services import access, audit, events, hosts, sight, tickets
from containers.services.actor import Actor
from containers.services.session_inputs import TerminalInputs

KIND: Final = "terminal"
# A request that nobody came with a ticket for is no terminal.
UNOPENED_FOR: Final = timedelta(minutes=5)
GONE: Final = "This terminal has ended"
CLOSED: Final = "closed by its user"


@dataclass(frozen=True)
class Admission:
    """A terminal and the ticket that leads to it, once, within seconds."""

    terminal: TerminalSession
    ticket: str


@dataclass(frozen=True)
class Outcome:
    """How a terminal ended, as root saw it. `reason` is in words, `exit_code` that of its program."""

    ending: TerminalEnding
    reason: str
    exit_code: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0


def request(actor: Actor, name: str, given: Mapping[str, Any]) -> Admission:
    """Let `actor` open a terminal in the container `name`, running what is `given`.

    Raises Forbidden, NotFound, InvalidRequest, and Conflict unless the container runs. Asking twice makes two terminals.
    """
    access.require_somewhere(actor, "terminal")
    container = sight.container(name)
    access.require(actor, "terminal", name)
    inputs = parse(given)
    if container.state != ContainerState.RUNNING:
        raise Conflict(f"{name} is not running", resolution="Start it first")
    with transaction.atomic():
        terminal = TerminalSession.objects.create(
            container=container,
            container_name=name,
            user=actor.user,
            user_name=actor.user_name,
            remote_address=actor.remote_address,
            via=actor.via,
            command=list(inputs.command or ()),
            uid=inputs.uid or "",
        )
        return _admit(actor, terminal)


def join(actor: Actor, name: str, number: int) -> Admission:
    """Let `actor` join a terminal of his own again, after a refresh or a lost connection. Raises NotFound, Conflict."""
    access.require_somewhere(actor, "terminal")
    terminal = get(name, number)
    access.require(actor, "terminal", name)
    if actor.user is None or terminal.user_id != actor.user.pk:
        raise Forbidden("This is somebody else's terminal")
    if not terminal.is_open:
        raise Conflict(GONE, details=terminal.reason)
    return _admit(actor, terminal)


def end(actor: Actor, name: str, number: int) -> None:
    """Ask root to end a terminal, soon: one's own, or anybody's for an administrator. One that has ended is no error."""
    access.require_somewhere(actor, "terminal")
    terminal = get(name, number)
    access.require(actor, "terminal", name)
    if not may_end(actor.user, terminal):
        raise Forbidden("Only an administrator ends other people's terminals")
    asked = TerminalSession.objects.filter(pk=terminal.pk, ended_at=None, end_asked_by="")
    with transaction.atomic():
        if asked.update(end_asked_by=actor.user_name or "root"):
            audit.record(actor, "terminal.end", terminal.container_name, {"terminal": terminal.pk, "user": terminal.user_name})


def may_end(user: User | None, terminal: TerminalSession) -> bool:
    """Return whether `user` may end a terminal; nobody is root on the host, or spocweb itself."""
    return user is None or user.is_superuser or user.pk == terminal.user_id


def of_container(name: str) -> TerminalQuerySet:
    """Return the terminals in a container that were opened, newest first."""
    return TerminalSession.objects.opened().filter(container_name=name)


def get(name: str, number: int) -> TerminalSession:
    """Return a terminal in the container `name`. Raises NotFound."""
    rows = TerminalSession.objects.filter(container_name=name, container__host__name=settings.HOST, pk=number)
    found = rows.first() if 0 < number <= hosts.MAX_ID else None
    if found is None:
        raise NotFound("There is no such terminal")
    return found


def parse(given: object) -> TerminalInputs:
    """Return what a terminal runs. Raises InvalidRequest."""
    inputs = TerminalInputs.validate_as(given, field="")
    if inputs.uid and inputs.uid.isdecimal() and int(inputs.uid) >= settings.IDMAP_SIZE:
        raise InvalidRequest.of("uid", f"must be a name, or a number from 0 to {settings.IDMAP_SIZE - 1}")
    return inputs


def inputs_of(terminal: TerminalSession) -> TerminalInputs:
    """Return what a row says that its terminal runs, judged like a request. Raises InvalidRequest."""
    given = {"command": terminal.command or None, "uid": terminal.uid or None}
    return parse({key: value for key, value in given.items() if value is not None})


def begin(actor: Actor, terminal: TerminalSession, *, is_recorded: bool) -> bool:
    """Write that a terminal is open now; False when it was opened before: of several who try, one opens it."""
    unopened = TerminalSession.objects.filter(pk=terminal.pk, started_at=None, ended_at=None)
    with transaction.atomic():
        if unopened.update(started_at=timezone.now(), is_recorded=is_recorded) != 1:
            return False
        about: dict[str, Any] = {"terminal": terminal.pk, "recorded": is_recorded}
        about |= {key: value for key, value in (("command", terminal.command), ("uid", terminal.uid)) if value}
        audit.record(actor, "terminal.open", terminal.container_name, about)
        _tell(terminal)
    return True


def finish(actor: Actor, terminal: TerminalSession, outcome: Outcome) -> None:
    """Write how a terminal ended; the first word stands."""
    now = timezone.now()
    with transaction.atomic():
        values = {"ended_at": now, "ending": outcome.ending, "reason": outcome.reason, "exit_code": outcome.exit_code}
        amounts = {"bytes_in": outcome.bytes_in, "bytes_out": outcome.bytes_out}
        if TerminalSession.objects.filter(pk=terminal.pk, ended_at=None).update(**values, **amounts) != 1:
            return
        started_at = TerminalSession.objects.values_list("started_at", flat=True).get(pk=terminal.pk)
        about = {"terminal": terminal.pk, "ending": outcome.ending, "reason": outcome.reason, **amounts}
        if started_at:
            about["seconds"] = round((now - started_at).total_seconds())
        audit.record(actor, "terminal.close", terminal.container_name, about)
        _tell(terminal)


def why_end(terminal: TerminalSession) -> Outcome | None:
    """Return why an open terminal has to end now, by what the rows say; None while it may go on."""
    row = TerminalSession.objects.select_related("user").filter(pk=terminal.pk).first()
    if row is None or row.ended_at is not None:
        return Outcome(TerminalEnding.REVOKED, "its record is gone")
    if row.user is None or not access.may(row.user, "terminal", row.container_name):
        return Outcome(TerminalEnding.REVOKED, f"{row.user_name} may not have it any more")
    if row.end_asked_by == row.user_name:
        return Outcome(TerminalEnding.CLOSED, CLOSED)
    if row.end_asked_by:
        return Outcome(TerminalEnding.ENDED, f"ended by {row.end_asked_by}")
    return None


def owner_of(terminal: TerminalSession) -> Actor:
    """Return who opened a terminal, for records that are written when he is not there any more."""
    return Actor(terminal.user, Via.SYSTEM, terminal.remote_address, terminal.user_name)


def lock_name(terminal: TerminalSession) -> str:
    """Return the name of the lock that is held as long as the process that holds a terminal lives."""
    return f"terminal:{terminal.pk:d}"


def sweep() -> None:
    """Remove the requests that nobody came with a ticket for."""
    TerminalSession.objects.filter(started_at=None, requested_at__lt=timezone.now() - UNOPENED_FOR).delete()


def _admit(actor: Actor, terminal: TerminalSession) -> Admission:
    ticket = tickets.issue(actor, KIND, terminal.container_name, {"terminal": terminal.pk})
    return Admission(terminal, ticket)


def _tell(terminal: TerminalSession) -> None:
    events.publish("terminal", {"id": terminal.pk, "container": terminal.container_name, "user": terminal.user_name})
