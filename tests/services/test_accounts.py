"""Accounts: whoever takes them away, somebody is left who administers them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from containers.errors import Conflict, Forbidden
from containers.models import Event
from containers.services import accounts, roles
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_superuser", [True, False])
def test_the_last_administrator_stays(is_superuser: bool) -> None:
    person = rows.user("anna", is_superuser=is_superuser)
    if not is_superuser:
        roles.give_role(rows.ROOT, person, "Administrator")
    before = Event.objects.count()
    with pytest.raises(Conflict, match="Nobody would be left"):
        accounts.remove(rows.ROOT, person)
    with pytest.raises(Conflict, match="Nobody would be left"):
        accounts.set_active(rows.ROOT, User.objects.get(), active=False)
    assert User.objects.get().is_active
    assert Event.objects.count() == before
    # One that is switched off is none who is left.
    accounts.set_active(rows.ROOT, rows.user("bob", is_superuser=True), active=False)
    with pytest.raises(Conflict, match="Nobody would be left"):
        accounts.remove(rows.ROOT, User.objects.get(username="anna"))


def test_switching_on_and_off_is_on_record_once(admin: User, viewer: User) -> None:
    for active in (False, False, True):
        accounts.set_active(rows.actor(admin), viewer, active=active)
    events = Event.objects.order_by("id").values_list("kind", "subject", "data")
    assert list(events) == [
        ("user.update", "viewer", {"before": {"active": was}, "after": {"active": not was}}) for was in (True, False)
    ]


def test_nobody_else_does(operator: User, viewer: User) -> None:
    actor = rows.actor(operator)
    changes: list[Any] = [
        lambda: accounts.create(actor, "anna"),
        lambda: accounts.set_password(actor, viewer),
        lambda: accounts.set_active(actor, viewer, active=False),
        lambda: accounts.remove(actor, viewer),
    ]
    for change in changes:
        with pytest.raises(Forbidden):
            change()
    assert User.objects.count() == 2


def test_the_list_costs_the_same_for_all(django_assert_num_queries: Any) -> None:
    for count in (1, 10):
        for number in range(count):
            roles.give_role(rows.ROOT, rows.limited(f"limited-{count}-{number}"), "Operator")
        with django_assert_num_queries(3):
            [(user.groups.all()[0].name, user.grants.all()[0].right) for user in accounts.every()]
