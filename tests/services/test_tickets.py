"""Tickets: one session, once, for whom and what they were made for."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from containers.errors import Forbidden, InvalidRequest, NotFound
from containers.models import Ticket
from containers.services import hosts, tickets
from containers.services.inputs import Inputs
from containers.services.tickets import Kind, Order
from tests.support import rows

pytestmark = pytest.mark.django_db


class Line(Inputs):
    line: int = 1


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"look": Kind("operate", Line, hosts.get_container), "other": Kind("view", Line, hosts.get_container)}
    monkeypatch.setattr(tickets, "KINDS", kinds)


@pytest.fixture
def issued(operator: User) -> str:
    rows.container("shop")
    return tickets.issue(rows.actor(operator), "look", "shop", {"line": 7})


def redeem(text: str, user: User, **more: Any) -> Order:
    return tickets.redeem(text, **{"user_id": user.pk, "kind": "look", "subject": "shop", **more})


def refuses(text: str, user: User, **more: Any) -> bool:
    with pytest.raises(Forbidden) as caught:
        redeem(text, user, **more)
    return caught.value.brief == tickets.REFUSED


def test_a_ticket_is_redeemed_for_what_it_was_made_for(issued: str, operator: User) -> None:
    assert redeem(issued, operator) == Order(rows.actor(operator), "look", "shop", Line(line=7))


def test_it_is_not_stored_and_no_two_are_the_same(issued: str, operator: User) -> None:
    assert len(issued) == 43
    assert issued not in str(Ticket.objects.values().get())
    assert tickets.issue(rows.actor(operator), "look", "shop", {}) != issued


def test_it_is_redeemed_once(issued: str, operator: User) -> None:
    redeem(issued, operator)
    assert refuses(issued, operator)


@pytest.mark.parametrize("guess", ["", "x", "\x00", "\ud800", "é", "x" * 100_000])
def test_a_guessed_ticket_is_refused(issued: str, operator: User, guess: str) -> None:
    assert refuses(guess, operator)
    assert refuses(Ticket.objects.get().digest, operator)


def test_an_expired_one_is_refused(issued: str, operator: User) -> None:
    Ticket.objects.update(expires_at=timezone.now())
    assert refuses(issued, operator)


@pytest.mark.parametrize("stolen", [{"user_id": 0}, {"kind": "other"}, {"subject": "db"}, {"kind": "nothing"}])
def test_one_that_is_brought_for_something_else_is_refused_and_lost(issued: str, operator: User, stolen: dict[str, Any]) -> None:
    rows.container("db")
    assert refuses(issued, operator, **stolen)
    assert refuses(issued, operator)


def test_whoever_lost_the_right_meanwhile_is_refused(issued: str, operator: User) -> None:
    operator.user_permissions.clear()
    with pytest.raises(Forbidden, match="You may not start"):
        redeem(issued, operator)


def test_so_is_an_account_that_was_switched_off(issued: str, operator: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(Forbidden, match="You may not start"):
        redeem(issued, operator)


def test_so_is_a_subject_that_is_gone(issued: str, operator: User) -> None:
    hosts.containers().update(name="shop-2")
    with pytest.raises(NotFound, match="There is no container 'shop'"):
        redeem(issued, operator)


@pytest.mark.parametrize("arguments", [{"line": "7"}, {"path": "/etc/shadow"}, [], None, "x"])
def test_arguments_in_the_row_are_judged_again(issued: str, operator: User, arguments: Any) -> None:
    Ticket.objects.update(arguments=arguments if arguments is not None else {"line": None})
    with pytest.raises(InvalidRequest):
        redeem(issued, operator)


def test_it_is_issued_only_to_those_who_may(viewer: User, operator: User) -> None:
    rows.container("shop")
    for refused in (rows.actor(viewer), rows.ROOT):
        with pytest.raises(Forbidden):
            tickets.issue(refused, "look", "shop", {})
    actor = rows.actor(operator)
    with pytest.raises(NotFound):
        tickets.issue(actor, "look", "db", {})
    with pytest.raises(InvalidRequest):
        tickets.issue(actor, "look", "shop", {"line": "x"})
    with pytest.raises(InvalidRequest, match="is no kind of session"):
        tickets.issue(actor, "nothing", "shop", {})
    assert not Ticket.objects.exists()


def test_old_ones_are_swept(issued: str, operator: User) -> None:
    tickets.issue(rows.actor(operator), "look", "shop", {})
    oldest = Ticket.objects.order_by("id").first()
    assert oldest is not None
    Ticket.objects.filter(pk=oldest.pk).update(expires_at=timezone.now() - tickets.KEPT_FOR - datetime.timedelta(seconds=1))
    assert (tickets.sweep(), Ticket.objects.count()) == (1, 1)
