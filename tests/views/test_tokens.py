"""Pages of tokens: made, shown once, taken back; everybody's for who administers accounts."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from containers.models import ApiToken, Event, Grant
from containers.services import tokens
from containers.services.token_terms import Terms
from tests.support.html import parse
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db

FORM = {"name": "nightly", "scope": "chosen", "rights": ["operate"], "days": "30", "addresses": "10.0.0.0/8, ::1"}


def text_in(response: Any) -> str:
    found = re.search(r"spoc_[\w-]{40,}", response.content.decode())
    return found[0] if found else ""


def test_one_is_made_and_shown_once(client: Client, operator: User) -> None:
    made = client.post("/tokens/", FORM)
    text = text_in(made)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert tokens.user_of(text, "10.1.1.1") == operator
    row = ApiToken.objects.get()
    assert (row.name, row.scope, row.addresses) == ("nightly", ["view", "operate"], ["10.0.0.0/8", "::1/128"])
    assert row.expires_at is not None
    assert timedelta(days=29) < row.expires_at - timezone.now() < timedelta(days=30)
    shown = client.get("/tokens/")
    assert text_in(shown) == ""
    for words in ("nightly", "View, Start and stop", "10.0.0.0/8", row.expires_at.strftime("%Y-%m-%d"), "10.1.1.1"):
        assert words in parse(shown).one("tbody").text
    assert text not in str(list(Event.objects.values()))


@pytest.mark.parametrize(
    ("scope", "expected"), [("", []), ("read-only", ["view", "audit"]), ("chosen", ["view", "operate", "destroy"])]
)
def test_what_it_is_good_for(client: Client, scope: str, expected: list[str]) -> None:
    rights = ["destroy", "operate"] if scope == "chosen" else []
    client.post("/tokens/", {**FORM, "scope": scope, "rights": rights, "days": "0"})
    row = ApiToken.objects.get()
    assert (row.scope, row.expires_at) == (expected, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 61),
        ("name", "a\x07b"),
        ("scope", "everything"),
        # Rights that are ticked and do not count: what was meant is asked for.
        ("scope", ""),
        ("rights", []),
        ("rights", ["fly"]),
        ("days", "12"),
        ("addresses", "10.0.0.0/40"),
        ("addresses", "here"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(client: Client, field: str, value: Any) -> None:
    response = client.post("/tokens/", {**FORM, field: value})
    assert response.status_code == 422
    assert not ApiToken.objects.exists()
    assert parse(response).all("div", "sw-from")


def test_it_is_taken_back_with_a_question_first(client: Client, operator: User) -> None:
    text = tokens.create_token(operator, Terms("nightly"))
    number = ApiToken.objects.get().pk
    (form,) = [form for form in parse(client.get("/tokens/")).all("form") if form.attrs.get("action", "").endswith("/revoke/")]
    assert "nightly" in form["data-ask"]
    assert client.get(f"/tokens/{number}/revoke/").status_code == 405
    assert client.post(f"/tokens/{number}/revoke/")["Location"] == "/tokens/"
    assert tokens.user_of(text) is None
    assert client.post(f"/tokens/{number}/revoke/").status_code == 404
    assert [event.data for event in Event.objects.filter(kind="token.revoke")] == [{"number": number, "name": "nightly"}]


def test_somebody_elses_are_nobodys_business(client: Client, viewer: User, admin: User) -> None:
    tokens.create_token(viewer, Terms("of the viewer"))
    number = ApiToken.objects.get().pk
    assert "of the viewer" not in client.get("/tokens/").content.decode()
    assert client.post(f"/tokens/{number}/revoke/").status_code == 404
    assert client.post(f"/tokens/{number}/revoke/", {"back": "everybody"}).status_code == 403
    boss = signed_in(admin)
    assert "of the viewer" in parse(boss.get("/tokens/everybody/")).one("tbody").text
    assert boss.post(f"/tokens/{number}/revoke/", {"back": "account"})["Location"] == f"/accounts/{viewer.pk}/"


def test_more_tokens_need_no_more_queries(admin: User, django_assert_max_num_queries: Any) -> None:
    client = signed_in(admin)
    tokens.create_token(admin)
    for path in ("/tokens/", "/tokens/everybody/"):
        with django_assert_max_num_queries(20) as few:
            client.get(path)
        for _ in range(10):
            tokens.create_token(admin)
        with django_assert_max_num_queries(len(few)):
            client.get(path)


def test_who_administers_accounts_and_may_look_at_nothing_takes_one_back(stranger: User, viewer: User) -> None:
    Grant.objects.create(user=stranger, right="users")
    tokens.create_token(viewer, Terms("nightly"))
    row = ApiToken.objects.get()
    page = signed_in(stranger)

    assert page.post(f"/tokens/{row.pk}/revoke/", {"back": "account"})["Location"] == f"/accounts/{viewer.pk}/"
    assert not ApiToken.objects.exists()


def test_a_token_that_is_out_of_reach_is_not_found_by_who_may_nothing(stranger: User, viewer: User) -> None:
    tokens.create_token(viewer, Terms("nightly"))
    row = ApiToken.objects.get()
    assert signed_in(stranger).post(f"/tokens/{row.pk}/revoke/").status_code == 404
    assert ApiToken.objects.filter(pk=row.pk).exists()
