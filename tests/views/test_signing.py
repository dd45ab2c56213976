"""Signing in and out: on record, and held up where somebody guesses."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.models import Event
from containers.services import signing

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse-battery"  # noqa: S105


@pytest.fixture
def person() -> User:
    return User.objects.create_user("anna", password=PASSWORD)


def sign_in(name: str, password: str, address: str = "10.0.0.1") -> Any:
    return Client(REMOTE_ADDR=address).post("/sign-in/", {"username": name, "password": password})


def test_coming_and_going_is_on_record(person: User) -> None:
    client = Client(REMOTE_ADDR="10.0.0.1")
    assert client.post("/sign-in/", {"username": "anna", "password": PASSWORD}).status_code == 302
    assert client.post("/sign-out/").status_code == 302
    events = Event.objects.order_by("id").values_list("kind", "subject", "user", "remote_address", "via")
    assert list(events) == [("sign-in", "anna", person.pk, "10.0.0.1", "web"), ("sign-out", "anna", person.pk, "10.0.0.1", "web")]


@pytest.mark.parametrize("name", ["anna", "nobody", "line\nbreak", "x" * 150])
def test_who_is_refused_is_on_record_without_the_password(person: User, name: str) -> None:
    assert sign_in(name, "wrong-wrong-wrong").status_code == 200
    event = Event.objects.get()
    assert (event.kind, event.user, event.remote_address) == ("sign-in.fail", None, "10.0.0.1")
    assert "\n" not in event.subject
    assert "wrong" not in str(event.data) + event.subject


def test_who_guesses_is_held_up_with_the_right_password_too(person: User) -> None:
    for _again in range(signing.MOST_FOR_BOTH):
        assert sign_in("anna", "wrong-wrong-wrong").status_code == 200
    held_up = sign_in("anna", PASSWORD)
    assert held_up.status_code == 429
    assert "Too many wrong answers" in held_up.content.decode()
    assert Event.objects.count() == signing.MOST_FOR_BOTH
    # Nobody is kept out by somebody else's guesses.
    assert sign_in("anna", PASSWORD, "10.0.0.2").status_code == 302


def test_an_address_is_held_up_for_all_names(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "MOST_FROM_ADDRESS", 3)
    for number in range(3):
        sign_in(f"name{number}", "wrong-wrong-wrong")
    assert sign_in("anna", PASSWORD).status_code == 429


def test_it_is_forgotten_after_a_while(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "MOST_FOR_BOTH", 1)
    sign_in("anna", "wrong-wrong-wrong")
    assert sign_in("anna", PASSWORD).status_code == 429
    monkeypatch.setattr(signing, "WITHIN", -signing.WITHIN)
    assert sign_in("anna", PASSWORD).status_code == 302
