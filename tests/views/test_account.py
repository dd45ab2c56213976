"""Signing in and out, and light or dark."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support import rows
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
    assert anonymous.get("/").status_code == 200
    assert anonymous.get("/sign-in/")["Location"] == "/"


def test_signing_in_does_not_lead_elsewhere(anonymous: Client, account: User) -> None:
    response = anonymous.post("/sign-in/", {"username": "operator", "password": PASSWORD, "next": "https://example.org/"})
    assert response["Location"] == "/"


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


def columns(client: Client) -> list[str]:
    """The heads of the list's columns that may be chosen, and what is ticked in the form."""
    tree = parse(client.get("/containers/"))
    heads = [head.text for head in tree.one("table").one("thead").all("th")][2:-1]
    ticked = [box.attrs["value"] for box in tree.all("input", name="column") if "checked" in box.attrs]
    assert len(heads) == len(ticked)
    return heads


def test_columns_of_the_list_are_chosen_without_script(client: Client) -> None:
    rows.container("web", limits={"pids": 7})
    usual = ["Address", "Memory", "CPU", "Starts", "Last job"]
    assert columns(client) == usual
    response = client.post("/columns/", {"column": ["limits", "cpu", "nothing"], "next": "/containers/?state=stopped"})
    assert (response.status_code, response["Location"]) == (302, "/containers/?state=stopped&columns=cpu.limits")
    assert client.cookies["spocweb_columns"]["httponly"]
    assert columns(client) == ["CPU", "Limits"]
    assert "7 processes" in parse(client.get("/containers/?row=web", headers={"HX-Request": "true"})).one("tr").text
    client.post("/columns/", {})
    assert columns(client) == []
    assert [head.text for head in parse(client.get("/containers/?columns=job.cpu")).one("thead").all("th")][2:-1] == [
        "CPU",
        "Last job",
    ]
    client.post("/columns/", {"usual": "1", "column": ["cpu"]})
    assert columns(client) == usual


def test_columns_do_not_lead_elsewhere(client: Client) -> None:
    assert client.post("/columns/", {"next": "https://example.org/"})["Location"] == "/containers/?columns=-"
    assert client.get("/columns/").status_code == 405


@pytest.mark.parametrize("value", ["-", "x", "cpu;path=/", "cpu.cpu.cpu", "." * 5000])
def test_a_cookie_that_makes_no_sense_shows_what_it_can(client: Client, value: str) -> None:
    rows.container("web")
    client.cookies["spocweb_columns"] = value
    assert columns(client) in ([], ["CPU"])
