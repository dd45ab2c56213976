"""Signing in and out, and light or dark."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support.html import parse

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def account(operator: User) -> User:
    operator.set_password(PASSWORD)
    operator.save()
    return operator


def test_signing_in_leads_where_one_wanted_to_go(anonymous: Client, account: User) -> None:
    response = anonymous.post("/sign-in/?next=/jobs/", {"username": "operator", "password": PASSWORD, "next": "/jobs/"})
    assert response["Location"] == "/jobs/"
    assert anonymous.get("/")["Location"] == "/containers/"
    assert anonymous.get("/sign-in/")["Location"] == "/containers/"


def test_signing_in_does_not_lead_elsewhere(anonymous: Client, account: User) -> None:
    response = anonymous.post("/sign-in/", {"username": "operator", "password": PASSWORD, "next": "https://example.org/"})
    assert response["Location"] == "/containers/"


@pytest.mark.parametrize(("name", "password"), [("operator", "wrong"), ("nobody", PASSWORD), ("", ""), ("operator", "\0")])
def test_a_wrong_password_says_no_more_than_that(anonymous: Client, account: User, name: str, password: str) -> None:
    response = anonymous.post("/sign-in/", {"username": name, "password": password})
    tree = parse(response)
    assert tree.one("div", role="alert").text == "That name and password do not go together."
    assert tree.one("input", name="username")["value"] == name
    assert "value" not in tree.one("input", name="password").attrs
    assert anonymous.get("/containers/").status_code == 302


def test_an_account_that_is_switched_off_gets_nowhere(anonymous: Client, account: User) -> None:
    User.objects.update(is_active=False)
    anonymous.post("/sign-in/", {"username": "operator", "password": PASSWORD})
    assert anonymous.get("/containers/").status_code == 302


def test_signing_out_is_a_post(client: Client) -> None:
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/containers/").status_code == 302


def test_the_theme_is_kept_in_a_cookie(client: Client) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": "/jobs/"})
    assert response["Location"] == "/jobs/"
    assert parse(client.get("/containers/")).one("html")["data-bs-theme"] == "dark"
    client.post("/theme/", {"theme": ""})
    assert "data-bs-theme" not in parse(client.get("/containers/")).one("html").attrs


@pytest.mark.parametrize("target", ["https://example.org/", "//example.org", "javascript:alert(1)", ""])
def test_the_theme_does_not_lead_elsewhere(client: Client, target: str) -> None:
    assert client.post("/theme/", {"theme": "light", "next": target})["Location"] == "/containers/"


@pytest.mark.parametrize("theme", ["blue", '"><script>'])
def test_a_theme_that_there_is_not_is_none(client: Client, theme: str) -> None:
    client.post("/theme/", {"theme": theme})
    client.cookies["spocweb_theme"] = theme
    assert "data-bs-theme" not in parse(client.get("/containers/")).one("html").attrs
    assert client.get("/theme/").status_code == 405
