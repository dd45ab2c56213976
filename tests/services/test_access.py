"""Who may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory

from containers.choices import Via
from containers.errors import Forbidden
from containers.services import access, actor
from containers.services.access import Right
from containers.services.actor import Actor

pytestmark = pytest.mark.django_db


def may(who: Actor | User | AnonymousUser, right: Right) -> bool:
    try:
        access.require(who, right)
    except Forbidden:
        return False
    return True


def test_each_may_what_its_rights_say(admin: User, operator: User, viewer: User, stranger: User) -> None:
    table = {who.username: (may(who, "view"), may(who, "operate")) for who in (admin, operator, viewer, stranger)}
    assert table == {"admin": (True, True), "operator": (True, True), "viewer": (True, False), "stranger": (False, False)}
    assert (may(AnonymousUser(), "view"), may(AnonymousUser(), "operate")) == (False, False)


def test_accounts_that_are_switched_off_may_nothing(admin: User) -> None:
    admin.is_active = False
    assert (may(admin, "view"), may(admin, "operate")) == (False, False)


@pytest.mark.parametrize("via", list(Via))
def test_only_root_and_spocweb_itself_act_without_an_account(via: Via) -> None:
    assert may(Actor(None, via), "operate") is (via in {"cli", "boot", "system"})


def test_an_actor_may_what_its_user_may_by_whatever_way(stranger: User) -> None:
    assert may(Actor(stranger, Via.CLI), "operate") is False


@pytest.mark.parametrize(("remote", "address"), [("10.0.0.7", "10.0.0.7"), ("::1", "::1"), ("", None), ("unix:", None)])
def test_an_actor_is_made_of_a_request(operator: User, remote: str, address: str | None) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=remote)
    assert actor.of_request(request, operator, Via.WEB) == Actor(operator, Via.WEB, address)
    assert actor.of_request(request, AnonymousUser(), Via.WEB) == Actor(None, Via.WEB, address)
