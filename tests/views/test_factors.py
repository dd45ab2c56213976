"""A second factor: added, asked for, used up, removed, and lost."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from containers.models import Event
from containers.services import signing, vault
from tests.support.html import parse
from tests.support.signing import PASSWORD, code, show_again, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create_user("anna", password=PASSWORD)


@pytest.fixture
def home(person: User) -> Client:
    return sign_in(Client(), person)


def add_app(client: Client) -> tuple[str, list[str]]:
    """Return the app's key and the recovery codes that came with it."""
    secret = parse(client.get("/security/app/")).one("input", id="secret")["value"]
    response = client.post("/security/app/", {"code": code(secret)})
    assert response["Location"] == "/security/codes/"
    return secret, [item.text for item in parse(client.get("/security/codes/")).one("ul", cls="sw-codes").all("li")]


def half_way(address: str = "10.0.0.1") -> Client:
    """A browser that has said the password."""
    client = Client(REMOTE_ADDR=address)
    response = client.post("/sign-in/?next=/jobs/", {"username": "anna", "password": PASSWORD})
    assert response["Location"] == "/sign-in/code/"
    assert client.get("/security/").status_code == 302
    return client


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def test_an_app_is_added_and_asked_for_from_then_on(home: Client) -> None:
    secret, codes = add_app(home)
    assert len(codes) == 10
    assert kinds() == ["factor.add", "recovery.make"]
    client = half_way()
    assert parse(client.get("/sign-in/code/")).one("h1").text == "Second factor"
    assert client.post("/sign-in/code/", {"code": code(secret, steps=1)})["Location"] == "/jobs/"
    assert client.get("/security/").status_code == 200
    event = Event.objects.latest("id")
    assert (event.kind, event.user_name, event.data) == ("sign-in", "anna", {"by": ["password", "totp"]})


def test_a_code_is_good_once(home: Client) -> None:
    secret, _codes = add_app(home)
    used = code(secret, steps=1)
    assert half_way().post("/sign-in/code/", {"code": used}).status_code == 302
    # As in another process, which has not seen the first one.
    from django.core.cache import cache

    cache.clear()
    again = half_way().post("/sign-in/code/", {"code": used})
    assert again.status_code == 200
    assert "That did not fit" in parse(again).one("div", role="alert").text
    assert Event.objects.latest("id").data == {"factor": "code"}


def test_a_recovery_code_is_good_once_and_on_record(home: Client) -> None:
    _secret, codes = add_app(home)
    assert half_way().post("/sign-in/code/", {"code": codes[3]})["Location"] == "/jobs/"
    assert kinds()[-2:] == ["recovery.use", "sign-in"]
    assert half_way().post("/sign-in/code/", {"code": codes[3]}).status_code == 200
    assert kinds()[-1] == "sign-in.fail"
    assert "9 codes are left" in parse(home.get("/security/")).text


def test_who_guesses_codes_is_held_up_from_wherever(home: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, _codes = add_app(home)
    monkeypatch.setattr(signing, "MOST_CODES", 3)
    for number in range(3):
        half_way(f"10.0.1.{number}").post("/sign-in/code/", {"code": "000000"})
    held_up = half_way("10.0.2.1").post("/sign-in/code/", {"code": code(secret, steps=1)})
    assert "Too many wrong answers" in parse(held_up).one("div", role="alert").text


def test_recovery_codes_are_shown_once_and_made_anew(home: Client) -> None:
    _secret, codes = add_app(home)
    assert not set(codes) & set(home.get("/security/codes/").content.decode().split())
    assert home.post("/security/codes/new/")["Location"] == "/security/codes/"
    new = [item.text for item in parse(home.get("/security/codes/")).one("ul", cls="sw-codes").all("li")]
    assert len(new) == 10
    assert not set(new) & set(codes)
    assert kinds()[-1] == "recovery.make"


def test_no_codes_without_a_factor(home: Client) -> None:
    assert home.get("/security/codes/")["Location"] == "/security/"
    assert home.post("/security/codes/new/").status_code == 200
    assert not Authenticator.objects.exists()


def test_secrets_are_sealed_and_sealed_anew(home: Client, settings: Any) -> None:
    secret, _codes = add_app(home)
    rows = {row.type: row.data for row in Authenticator.objects.all()}
    assert secret not in str(rows)
    assert vault.open(rows["totp"]["secret"]) == secret
    before = rows["totp"]["secret"], rows["recovery_codes"]["seed"]
    assert vault.reseal() == 2
    rows = {row.type: row.data for row in Authenticator.objects.all()}
    assert not {rows["totp"]["secret"], rows["recovery_codes"]["seed"]} & set(before)
    assert vault.open(rows["totp"]["secret"]) == secret


def test_a_factor_is_removed_with_its_codes(home: Client) -> None:
    add_app(home)
    assert home.get("/security/app/")["Location"] == "/security/app/remove/"
    assert home.post("/security/app/remove/")["Location"] == "/security/"
    assert not Authenticator.objects.exists()
    assert kinds()[-1] == "factor.remove"
    assert Client().post("/sign-in/", {"username": "anna", "password": PASSWORD})["Location"] == "/"


@pytest.mark.parametrize("page", ["/security/app/", "/security/app/remove/", "/security/codes/", "/security/codes/new/"])
def test_who_has_not_shown_lately_who_it_is_is_asked(home: Client, person: User, page: str) -> None:
    add_app(home)
    show_again(home, person, seconds_ago=601)
    assert home.get(page)["Location"].startswith("/confirm/?next=") or page == "/security/app/"
    before = list(Authenticator.objects.values("type", "data"))
    assert home.post(page).status_code in (302, 405)
    assert list(Authenticator.objects.values("type", "data")) == before


def test_root_lets_in_who_lost_the_factor(home: Client, capsys: pytest.CaptureFixture[str]) -> None:
    add_app(home)
    call_command("removefactors", "anna")
    assert capsys.readouterr().out == "Removed: 2\n"
    assert not Authenticator.objects.exists()
    events = Event.objects.order_by("-id")[:2]
    assert [(one.kind, one.subject, one.via) for one in events] == [("factor.remove", "anna", "cli")] * 2
    call_command("removefactors", "anna")
    assert capsys.readouterr().out == "anna has no second factor\n"


def test_the_password_alone_is_no_way_around_the_code(home: Client) -> None:
    add_app(home)
    client = half_way()
    for page in ("/", "/security/", "/containers/", "/api/v1/containers/"):
        assert client.get(page).status_code in (302, 401)
    assert client.post("/confirm/", {"password": PASSWORD})["Location"].startswith("/sign-in/")
    # Whoever wants to be somebody else begins again.
    assert client.post("/sign-out/").status_code == 302
    assert client.get("/sign-in/").status_code == 200
    assert client.get("/sign-in/code/")["Location"] == "/sign-in/"
