"""Terminals as rows: who may ask for one, join it and end it; what is on record."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from containers.choices import ContainerState, TerminalEnding
from containers.errors import Conflict, Forbidden, InvalidRequest, NotFound
from containers.models import Event, TerminalSession, Ticket
from containers.services import terminals, tickets
from containers.services.session_inputs import TerminalInputs
from containers.services.terminals import Admission, Outcome
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def opener(db: None) -> User:
    rows.container("web", state=ContainerState.RUNNING)
    return rows.user("opener", "view_container", "open_terminal")


@pytest.fixture
def asked(opener: User) -> Admission:
    return terminals.request(rows.actor(opener), "web", {"command": ["/bin/sh"], "uid": "1000"})


@pytest.fixture
def opened(asked: Admission, opener: User) -> TerminalSession:
    assert terminals.begin(rows.actor(opener), asked.terminal, is_recorded=False)
    asked.terminal.refresh_from_db()
    return asked.terminal


def fresh(terminal: TerminalSession) -> TerminalSession:
    return TerminalSession.objects.get(pk=terminal.pk)


def test_a_request_is_a_row_and_a_ticket_that_leads_to_it(asked: Admission, opener: User) -> None:
    order = tickets.redeem(asked.ticket, user_id=opener.pk, kind="terminal", subject="web")
    assert order.arguments.export() == {"terminal": asked.terminal.pk}
    row = fresh(asked.terminal)
    assert (row.container_name, row.user_name, row.command, row.uid, row.is_open) == ("web", "opener", ["/bin/sh"], "1000", False)
    # Nobody came with the ticket yet.
    assert list(terminals.of_container("web")) == []
    assert terminals.inputs_of(row) == TerminalInputs(command=("/bin/sh",), uid="1000")


def test_who_has_not_the_right_gets_none(asked: Admission, operator: User, viewer: User, stranger: User) -> None:
    blind = rows.user("blind", "open_terminal")
    for person in (operator, viewer, stranger, blind):
        actor = rows.actor(person)
        calls: list[Any] = [
            lambda actor=actor: terminals.request(actor, "web", {}),
            lambda actor=actor: terminals.join(actor, "web", asked.terminal.pk),
            lambda actor=actor: terminals.end(actor, "web", asked.terminal.pk),
        ]
        for call in calls:
            with pytest.raises(Forbidden, match="You may not open terminals"):
                call()
    # Not even root on the host has a browser to look at one.
    with pytest.raises(Forbidden):
        terminals.request(rows.ROOT, "web", {})
    assert (TerminalSession.objects.count(), Ticket.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "given",
    [
        {"uid": "Root"},
        {"uid": "-1"},
        {"uid": "65536"},
        {"command": []},
        {"command": "sh"},
        {"command": ["a\n"]},
        {"shell": 1},
        [],
    ],
)
def test_hostile_inputs_are_refused_and_again_from_the_row(asked: Admission, opener: User, given: Any) -> None:
    with pytest.raises(InvalidRequest):
        terminals.request(rows.actor(opener), "web", given)
    if isinstance(given, dict) and "shell" not in given and given.get("command") != []:
        TerminalSession.objects.filter(pk=asked.terminal.pk).update(**given)
        with pytest.raises(InvalidRequest):
            terminals.inputs_of(fresh(asked.terminal))


def test_only_a_container_that_runs_has_one(opener: User) -> None:
    rows.container("db")
    with pytest.raises(Conflict, match="^db is not running. Start it first$"):
        terminals.request(rows.actor(opener), "db", {})
    with pytest.raises(NotFound):
        terminals.request(rows.actor(opener), "nothing", {})


def test_it_is_joined_by_who_opened_it_and_while_it_is_open(
    asked: Admission, opened: TerminalSession, opener: User, admin: User
) -> None:
    actor = rows.actor(opener)
    again = terminals.join(actor, "web", opened.pk)
    assert again.ticket != asked.ticket
    with pytest.raises(Forbidden, match="somebody else's"):
        terminals.join(rows.actor(admin), "web", opened.pk)
    rows.container("db")
    for name, number in (("db", opened.pk), ("web", opened.pk + 1), ("web", 0), ("web", 2**70)):
        with pytest.raises(NotFound):
            terminals.join(actor, name, number)
    terminals.finish(actor, opened, Outcome(TerminalEnding.EXITED, "over"))
    with pytest.raises(Conflict, match="This terminal has ended"):
        terminals.join(actor, "web", opened.pk)


def test_it_is_opened_once(asked: Admission, opened: TerminalSession, opener: User) -> None:
    assert not terminals.begin(rows.actor(opener), opened, is_recorded=True)
    assert not fresh(opened).is_recorded


def test_its_end_is_written_once_with_how_long_it_was_open(opened: TerminalSession, opener: User) -> None:
    began = timezone.now() - datetime.timedelta(seconds=90)
    TerminalSession.objects.update(started_at=began)
    actor = rows.actor(opener)
    terminals.finish(actor, opened, Outcome(TerminalEnding.EXITED, "its program ended", 3, 10, 200))
    terminals.finish(actor, opened, Outcome(TerminalEnding.LOST, "its process vanished"))
    row = fresh(opened)
    assert (row.ending, row.reason, row.exit_code, row.bytes_in, row.bytes_out) == ("exited", "its program ended", 3, 10, 200)
    kinds = list(Event.objects.filter(kind__startswith="terminal.").order_by("id").values_list("kind", "subject", "user_name"))
    assert kinds == [("terminal.open", "web", "opener"), ("terminal.close", "web", "opener")]
    assert Event.objects.get(kind="terminal.close").data == {
        "terminal": row.pk,
        "ending": "exited",
        "reason": "its program ended",
        "bytes_in": 10,
        "bytes_out": 200,
        "seconds": 90,
    }


def test_it_goes_on_as_long_as_its_user_may_have_it(opened: TerminalSession, opener: User) -> None:
    assert terminals.why_end(opened) is None
    opener.user_permissions.remove(Permission.objects.get(codename="open_terminal"))
    found = terminals.why_end(opened)
    assert found is not None
    assert (found.ending, found.reason) == ("revoked", "opener may not have it any more")


@pytest.mark.parametrize("change", ["is_active", "deleted", "row"])
def test_it_ends_with_the_account_and_with_its_record(opened: TerminalSession, opener: User, change: str) -> None:
    if change == "is_active":
        User.objects.filter(pk=opener.pk).update(is_active=False)
    elif change == "deleted":
        opener.delete()
    else:
        TerminalSession.objects.all().delete()
    found = terminals.why_end(opened)
    assert found is not None
    assert found.ending == "revoked"


def test_it_is_ended_by_its_user_and_by_administrators(opened: TerminalSession, opener: User, admin: User) -> None:
    other = rows.user("other", "operate_container", "open_terminal")
    with pytest.raises(Forbidden, match="Only an administrator"):
        terminals.end(rows.actor(other), "web", opened.pk)
    assert terminals.why_end(opened) is None
    terminals.end(rows.actor(admin), "web", opened.pk)
    terminals.end(rows.actor(opener), "web", opened.pk)
    found = terminals.why_end(opened)
    assert found is not None
    assert (found.ending, found.reason) == ("ended", "ended by admin")
    # Once on record, and one that has ended is no error.
    assert Event.objects.filter(kind="terminal.end").count() == 1
    terminals.finish(rows.actor(opener), opened, found)
    terminals.end(rows.actor(opener), "web", opened.pk)


def test_requests_that_nobody_came_for_are_swept(asked: Admission, opened: TerminalSession, opener: User) -> None:
    old = terminals.request(rows.actor(opener), "web", {})
    terminals.request(rows.actor(opener), "web", {})
    before = timezone.now() - terminals.UNOPENED_FOR - datetime.timedelta(seconds=1)
    TerminalSession.objects.filter(pk__in=[old.terminal.pk, opened.pk]).update(requested_at=before)
    terminals.sweep()
    assert TerminalSession.objects.count() == 2
    assert not TerminalSession.objects.filter(pk=old.terminal.pk).exists()
