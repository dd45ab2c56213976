"""Roles and rights, given and taken."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from containers.errors import Conflict, Forbidden, InvalidRequest, NotFound
from containers.models import Event
from containers.services import access, roles
from containers.services.roles import Given
from tests.support import rows

pytestmark = pytest.mark.django_db


def test_the_table_says_what_is_answered(admin: User, operator: User, viewer: User, stranger: User) -> None:
    rows.limited("limited", "shop-*", "operate", app="shop")
    User.objects.filter(pk=viewer.pk).update(is_active=False)
    roles.give_role(rows.ROOT, stranger, "Auditor")
    for user, held in access.everyone():
        assert set(held) == set(access.holdings(User.objects.get(pk=user.pk)))


def test_the_table_costs_the_same_for_all(django_assert_num_queries: Any) -> None:
    for count in (1, 10):
        for number in range(count):
            person = rows.limited(f"limited-{count}-{number}")
            roles.give_role(rows.ROOT, person, "Operator")
        # Nobody has one of Django's own permissions: two tables need not be joined.
        with django_assert_num_queries(5):
            access.everyone()


def test_roles_and_rights_are_given_and_taken_on_record(admin: User, stranger: User) -> None:
    actor, given = rows.actor(admin), Given.parse("operate", "shop-*")
    for _again in range(2):
        roles.give_role(actor, stranger, "Viewer")
        roles.give(actor, stranger, given)
    assert access.may(User.objects.get(pk=stranger.pk), "operate", "shop-db")
    for _again in range(2):
        roles.take(actor, stranger, given)
        roles.take_role(actor, stranger, "Viewer")
    assert access.holdings(User.objects.get(pk=stranger.pk)) == ()
    events = Event.objects.filter(subject="stranger").order_by("id").values_list("kind", "user_name")
    assert list(events) == [("role.grant", "admin")] * 2 + [("role.revoke", "admin")] * 2


def test_only_who_administers_gives(operator: User, stranger: User) -> None:
    for change in (roles.give_role, roles.take_role):
        with pytest.raises(Forbidden):
            change(rows.actor(operator), stranger, "Administrator")
    for other in (roles.give, roles.take):
        with pytest.raises(Forbidden):
            other(rows.actor(operator), operator, Given.parse("users"))


def test_the_last_administrator_stays(stranger: User) -> None:
    roles.give_role(rows.ROOT, stranger, "Administrator")
    with pytest.raises(Conflict, match="Nobody would be left"):
        roles.take_role(rows.ROOT, stranger, "Administrator")
    assert access.may(User.objects.get(), "users")


@pytest.mark.parametrize(
    ("right", "pattern", "app"),
    [("fly", "*", ""), ("view", "[a]", ""), ("view", "*", "A"), ("users", "shop-*", ""), ("view", "", "")],
)
def test_what_is_no_right_is_refused(right: str, pattern: str, app: str) -> None:
    with pytest.raises(InvalidRequest):
        Given.parse(right, pattern, app)


def test_an_unknown_role_names_those_that_there_are(stranger: User) -> None:
    with pytest.raises(NotFound, match="Administrator, Auditor, Operator, Viewer"):
        roles.give_role(rows.ROOT, stranger, "King")


def test_the_command_gives_and_shows(stranger: User) -> None:
    stdout = io.StringIO()
    call_command("rights", "stranger", role=["Viewer"], give=["operate:shop-*"], stdout=stdout)
    assert stdout.getvalue().splitlines() == ["stranger\toperate\tshop-*\tgranted in person", "stranger\tview\t*\trole Viewer"]
    with pytest.raises(CommandError, match="There is no user"):
        call_command("rights", "nobody")
    with pytest.raises(CommandError, match="no role"):
        call_command("rights", "stranger", role=["King"])
