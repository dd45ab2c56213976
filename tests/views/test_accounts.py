"""Pages of accounts: who administers them makes, changes and removes them here."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client

from containers.models import Event, Grant
from containers.services import access, roles, tokens
from containers.services import signed_in as signed_in_service
from tests.support import rows
from tests.support.html import parse
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse-battery"  # noqa: S105


@pytest.fixture
def client(admin: User) -> Client:
    return signed_in(admin)


def page(person: User, more: str = "") -> str:
    return f"/accounts/{person.pk}/{more}"


def test_an_account_with_a_made_password_that_is_shown_once(client: Client) -> None:
    made = client.post("/accounts/", {"name": "anna", "password": "", "role": "Viewer"})
    assert made.status_code == 201
    password = parse(made).one("div", "sw-ok").one("code").text
    person = User.objects.get(username="anna")
    assert person.check_password(password)
    assert access.may(person, "view")
    listed = client.get("/accounts/").content.decode()
    assert "anna" in listed
    assert password not in listed + str(list(Event.objects.values()))


def test_a_typed_password_is_not_sent_back(client: Client) -> None:
    for name, status in (("an na", 422), ("anna", 201)):
        response = client.post("/accounts/", {"name": name, "password": PASSWORD})
        assert response.status_code == status
        assert PASSWORD not in response.content.decode()
    assert User.objects.get(username="anna").check_password(PASSWORD)


@pytest.mark.parametrize(
    "data", [{"name": ""}, {"name": "ADMIN"}, {"name": "anna", "password": "short"}, {"name": "a", "role": "King"}]
)
def test_what_makes_no_account_is_said(client: Client, data: dict[str, str]) -> None:
    response = client.post("/accounts/", data)
    assert response.status_code == 422
    assert parse(response).all("div", "sw-from")
    assert User.objects.count() == 1


def test_the_page_says_what_somebody_may_and_why(client: Client) -> None:
    person = rows.limited("limited", "shop-*", "operate", app="shop")
    roles.give_role(rows.ROOT, person, "Auditor")
    text = parse(client.get(page(person))).one("main").text
    for words in ("role Auditor", "granted in person", "shop-*", "of the app shop", "Start and stop"):
        assert words in text


def test_roles_and_rights_are_given_and_taken(client: Client, stranger: User) -> None:
    client.post(page(stranger, "roles/"), {"role": ["Viewer", "Auditor"]})
    client.post(page(stranger, "roles/"), {"role": ["Viewer"]})
    client.post(page(stranger, "give/"), {"right": "operate", "pattern": "shop-*", "app": ""})
    fresh = User.objects.get(pk=stranger.pk)
    assert access.may(fresh, "operate", "shop-db")
    assert not access.may(fresh, "audit")
    grant = Grant.objects.get(user=stranger)
    for _again in range(2):
        assert client.post(page(stranger, f"take/{grant.pk}/")).status_code == 302
    assert not access.may(User.objects.get(pk=stranger.pk), "operate", "shop-db")
    kinds = list(Event.objects.filter(subject="stranger").order_by("id").values_list("kind", flat=True))
    assert kinds == ["role.grant", "role.grant", "role.revoke", "role.grant", "role.revoke"]


def test_a_right_is_taken_from_its_own_account_alone(client: Client, stranger: User, viewer: User) -> None:
    client.post(page(stranger, "give/"), {"right": "view", "pattern": "*", "app": ""})
    grant = Grant.objects.get(user=stranger)
    client.post(page(viewer, f"take/{grant.pk}/"))
    assert Grant.objects.filter(pk=grant.pk).exists()


@pytest.mark.parametrize(
    "data", [{"right": "fly", "pattern": "*"}, {"right": "view", "pattern": "[a]"}, {"right": "users", "pattern": "shop-*"}]
)
def test_a_right_that_is_none_is_said_at_its_field(client: Client, stranger: User, data: dict[str, str]) -> None:
    response = client.post(page(stranger, "give/"), {**data, "app": ""})
    assert response.status_code == 422
    assert parse(response).all("div", "sw-from")


def test_another_password(client: Client, viewer: User) -> None:
    theirs = signed_in(viewer)
    response = client.post(page(viewer, "password/"), {"password": ""})
    assert User.objects.get(pk=viewer.pk).check_password(parse(response).one("div", "sw-ok").one("code").text)
    assert theirs.get("/").status_code == 302
    assert client.post(page(viewer, "password/"), {"password": "short"}).status_code == 422
    assert client.post(page(viewer, "password/"), {"password": PASSWORD}).status_code == 200
    assert User.objects.get(pk=viewer.pk).check_password(PASSWORD)


def browser(user: User) -> Client:
    """Sign in by the form: a session that is made otherwise is not listed."""
    if not user.check_password(PASSWORD):
        user.set_password(PASSWORD)
        user.save()
    made = Client()
    made.post("/sign-in/", {"username": user.get_username(), "password": PASSWORD})
    return made


def test_sessions_are_seen_and_ended_by_who_administers(client: Client, viewer: User) -> None:
    one, two = browser(viewer), browser(viewer)
    shown = parse(client.get(page(viewer))).one("section", **{"aria-labelledby": "sessions"})
    assert [row.one("b").text for row in shown.all("li")] == ["127.0.0.1", "127.0.0.1"]
    assert "End all sessions" in shown.text

    number = signed_in_service.of(viewer)[0].number
    assert client.post(page(viewer, "sessions/end/"), {"session": number}).status_code == 302
    assert [browser.get("/").status_code for browser in (one, two)].count(302) == 1
    client.post(page(viewer, "sessions/end/"))
    assert [browser.get("/").status_code for browser in (one, two)] == [302, 302]
    assert client.get(page(viewer)).status_code == 200
    events = Event.objects.filter(kind="session.end", subject="viewer")
    assert list(events.values_list("user_name", flat=True)) == ["admin", "admin"]


def test_the_session_that_asks_stays(admin: User) -> None:
    other, client = browser(admin), browser(admin)
    client.post(page(admin, "sessions/end/"))
    assert client.get(page(admin)).status_code == 200
    assert other.get("/").status_code == 302


def test_second_factors_are_named(client: Client, viewer: User) -> None:
    Authenticator.objects.create(user=viewer, type=Authenticator.Type.TOTP, data={})
    Authenticator.objects.create(user=viewer, type=Authenticator.Type.RECOVERY_CODES, data={})
    shown = " ".join(client.get(page(viewer)).content.decode().split())
    assert "Second factors</dt><dd>authenticator app</dd>" in shown


def test_switched_off_and_on(client: Client, viewer: User) -> None:
    theirs, text = signed_in(viewer), tokens.create_token(viewer)
    client.post(page(viewer, "switch/"), {"active": "false"})
    assert theirs.get("/").status_code == 302
    assert tokens.user_of(text) is None
    assert "Switched off" in parse(client.get(page(viewer))).one("main").text
    client.post(page(viewer, "switch/"), {"active": "true"})
    assert tokens.user_of(text) == viewer


def test_removal_takes_the_name_typed_once_more(client: Client, viewer: User) -> None:
    assert client.post(page(viewer, "remove/"), {"confirm": "view"}).status_code == 422
    assert User.objects.filter(pk=viewer.pk).exists()
    assert client.post(page(viewer, "remove/"), {"confirm": "viewer"})["Location"] == "/accounts/"
    assert not User.objects.filter(pk=viewer.pk).exists()
    assert client.post(page(viewer, "remove/"), {"confirm": "viewer"}).status_code == 404
    assert Event.objects.get(kind="user.remove").subject == "viewer"


def test_nobody_locks_himself_out(client: Client, admin: User) -> None:
    assert "Switch off" not in client.get(page(admin)).content.decode()
    client.post(page(admin, "switch/"), {"active": "false"})
    client.post(page(admin, "remove/"), {"confirm": "admin"})
    assert User.objects.get().is_active
    assert "This is your own account" in client.get(page(admin)).content.decode()


def test_more_accounts_need_no_more_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(20) as few:
        client.get("/accounts/")
    for number in range(10):
        roles.give_role(rows.ROOT, rows.limited(f"limited-{number}"), "Operator")
    with django_assert_max_num_queries(len(few)):
        client.get("/accounts/")
