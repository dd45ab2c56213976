"""One's own account: password and sessions; and being asked again who one is."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.models import Backup, Event, Installation, Job
from containers.services import signing
from tests.support import rows
from tests.support.html import parse
from tests.support.signing import PASSWORD, show_again, sign_in
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

NEW = "another-horse-battery"
PAGES = [
    "/security/",
    "/security/password/",
    "/security/app/",
    "/security/app/remove/",
    "/security/codes/",
    "/security/codes/new/",
    "/security/passkeys/add/",
    "/security/passkeys/1/remove/",
]


@pytest.fixture
def person() -> User:
    return User.objects.create_user("anna", password=PASSWORD)


def browser(address: str = "10.0.0.1", password: str = PASSWORD) -> Client:
    client = Client(REMOTE_ADDR=address, HTTP_USER_AGENT=f"Browser at {address}")
    assert client.post("/sign-in/", {"username": "anna", "password": password}).status_code == 302
    return client


def last() -> tuple[str, str, object]:
    event = Event.objects.latest("id")
    return event.kind, event.user_name, event.data


@pytest.mark.parametrize("page", [*PAGES, "/confirm/", "/confirm/code/", "/confirm/passkey/"])
def test_nobody_is_asked_to_sign_in(anonymous: Client, page: str) -> None:
    assert anonymous.get(page)["Location"].replace("%2F", "/") == f"/sign-in/?next={page}"


def test_everybody_has_an_account_to_look_after(stranger_client: Client) -> None:
    tree = parse(stranger_client.get("/security/"))
    assert tree.one("h1").text == "Security"
    assert stranger_client.get("/security/app/").status_code == 200
    # Without an authenticator app there is none to remove, and no code to confirm by.
    assert stranger_client.get("/security/app/remove/").status_code == 404
    assert stranger_client.get("/containers/").status_code == 403


def test_sessions_are_listed_and_ended_one_by_one(person: User) -> None:
    here, there = browser("10.0.0.1"), browser("10.0.0.2")
    listed = parse(here.get("/security/")).one("section", **{"aria-labelledby": "sessions"})
    assert [row.one("b").text for row in listed.all("li")] == ["10.0.0.2", "10.0.0.1"]
    assert "Browser at 10.0.0.2" in listed.text
    number = listed.one("button", name="session")["value"]
    assert here.post("/security/sessions/end/", {"session": number})["Location"] == "/security/"
    assert last() == ("session.end", "anna", {"address": "10.0.0.2", "browser": "Browser at 10.0.0.2"})
    assert there.get("/security/").status_code == 302
    assert here.get("/security/").status_code == 200


def test_all_other_sessions_end_at_once_and_nobody_elses(person: User) -> None:
    here, others = browser(), [browser("10.0.0.2"), browser("10.0.0.3")]
    User.objects.create_user("bert", password=PASSWORD)
    foreign = Client()
    foreign.post("/sign-in/", {"username": "bert", "password": PASSWORD})
    number = parse(foreign.get("/security/")).text
    assert here.post("/security/sessions/end/").status_code == 302
    assert [client.get("/security/").status_code for client in [here, *others, foreign]] == [200, 302, 302, 200]
    assert "10.0.0.1" not in number


@pytest.mark.parametrize("number", ["0", "x", "-1", "9" * 30])
def test_a_session_that_there_is_not_is_not_ended(person: User, number: str) -> None:
    here, there = browser(), browser("10.0.0.2")
    here.post("/security/sessions/end/", {"session": number})
    assert there.get("/security/").status_code == 200


def test_a_changed_password_ends_all_other_sessions(person: User) -> None:
    here, there = browser(), browser("10.0.0.2")
    given = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert here.post("/security/password/", given)["Location"] == "/security/"
    assert last()[0] == "password.change"
    assert here.get("/security/").status_code == 200
    assert there.get("/security/").status_code == 302
    browser(password=NEW)


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [("wrong", NEW, NEW), (PASSWORD, "short", "short"), (PASSWORD, NEW, "x"), (PASSWORD, "password1234", "password1234")],
)
def test_a_password_that_will_not_do_changes_nothing(person: User, old: str, new: str, again: str) -> None:
    response = browser().post("/security/password/", {"oldpassword": old, "password1": new, "password2": again})
    assert parse(response).one("div", role="alert").text
    browser()


def test_the_old_password_is_no_place_to_guess(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "MOST_FOR_BOTH", 2)
    client = browser()
    for _again in range(2):
        client.post("/security/password/", {"oldpassword": "wrong", "password1": NEW, "password2": NEW})
    assert last()[0] == "sign-in.confirm-fail"
    held_up = client.post("/security/password/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert "Too many wrong answers" in held_up.content.decode()


def test_who_was_away_confirms_and_goes_on_where_he_was(person: User) -> None:
    client, there = browser(), browser("10.0.0.2")
    show_again(client, person, seconds_ago=601)
    asked = client.post("/security/sessions/end/")
    assert asked["Location"] == "/confirm/?next=%2Fsecurity%2Fsessions%2Fend%2F"
    assert there.get("/security/").status_code == 200
    wrong = client.post(asked["Location"], {"password": "wrong"})
    assert parse(wrong).one("div", role="alert").text == "That is not your password."
    assert last() == ("sign-in.confirm-fail", "anna", {})
    done = client.post(asked["Location"], {"password": PASSWORD})
    assert done["Location"] == "/security/"
    assert there.get("/security/").status_code == 302
    kinds = Event.objects.order_by("-id").values_list("kind", flat=True)
    assert list(kinds[:2]) == ["session.end", "sign-in.confirm"]


def keep_backup(name: str) -> None:
    values = {"installation": name, "app": "static-site", "version": "1.0", "size_bytes": 1}
    Backup.objects.create(host=rows.host(), file_name=f"{name}-1.tar", **values)


@pytest.mark.parametrize(
    "page",
    ["/containers/web/delete/", "/installations/site/uninstall/", "/volumes/unused/remove/", "/backups/gone-1.tar/remove/"],
)
def test_what_cannot_be_undone_is_asked_for_again(operator: User, page: str) -> None:
    operator.set_password(PASSWORD)
    operator.save()
    rows.container("web")
    rows.volume("unused")
    Installation.objects.create(host=rows.host(), name="site", app="static-site", version="1.0", state="installed")
    keep_backup("gone")
    client = sign_in(Client(), operator)
    assert client.get(page).status_code == 200
    show_again(client, operator, seconds_ago=601)
    for response in (client.get(page), client.post(page, {"confirm": page.split("/")[2]})):
        assert response["Location"].replace("%2F", "/") == f"/confirm/?next={page}"
    assert client.get(page, headers=HTMX)["HX-Redirect"].replace("%2F", "/") == f"/confirm/?next={page}"
    assert not Job.objects.filter(operation__in=("destroy", "app-uninstall", "volume-remove", "backup-remove")).exists()


# What takes images, layers, apps and whom they are believed from away, by button.
BUTTONS = [
    "/apps/site/remove/",
    "/clean-up/",
    "/images/web/1/remove/",
    "/layers/web/remove/",
    "/recipes/web/delete/",
    "/repositories/",
    "/repositories/web/remove/",
    "/exports/web/1/remove/",
]
# What is taken back gives nobody more; files of a recipe are its text.
NOT_ASKED = {"/tokens/{number}/", "/recipes/{name}/files/"}


@pytest.mark.parametrize("page", BUTTONS)
def test_what_others_may_need_is_asked_for_again(operator: User, page: str) -> None:
    operator.set_password(PASSWORD)
    operator.save()
    rows.layer("web")
    rows.image("web:1", layers=("web",))
    client = show_again(sign_in(Client(), operator), operator, seconds_ago=601)
    assert client.post(page)["Location"].replace("%2F", "/") == f"/confirm/?next={page}"
    assert not Job.objects.exists()


def test_the_api_lets_no_session_delete_that_has_not_shown_lately_who_it_is(admin: User) -> None:
    rows.container("web")
    rows.volume("web")
    rows.installation("web")
    keep_backup("web")
    rows.user("web")
    client = show_again(sign_in(Client(), admin), admin, seconds_ago=601)
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    asked = [
        path for path, operations in paths.items() if "delete" in operations and path.removeprefix("/api/v1") not in NOT_ASKED
    ]
    assert len(asked) > 5
    for path in asked:
        response = client.delete(re.sub("{[a-z]+}", "web", path.replace("{file}", "web-1.tar")))
        assert response.status_code == 403, path
        assert "Confirm again who you are" in response.content.decode(), path


def test_who_may_not_is_refused_before_he_is_asked(viewer: User) -> None:
    rows.container("web")
    client = show_again(sign_in(Client(), viewer), viewer, seconds_ago=601)
    assert client.get("/containers/web/delete/").status_code == 403


def test_confirming_leads_to_no_other_site(person: User) -> None:
    response = browser().post("/confirm/?next=https://example.org/", {"password": PASSWORD})
    assert response["Location"] == "/"


def test_a_dialog_is_replaced_by_the_question(person: User) -> None:
    client = show_again(sign_in(Client(), person), person, seconds_ago=601)
    response = client.post("/security/sessions/end/", headers=HTMX)
    assert response["HX-Redirect"].startswith("/confirm/?next=")


def test_guesses_at_confirming_are_held_up(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "MOST_FOR_BOTH", 2)
    client = browser()
    for _again in range(2):
        client.post("/confirm/", {"password": "wrong"})
    assert "Too many wrong answers" in client.post("/confirm/", {"password": PASSWORD}).content.decode()
    # One limit for all ways to guess a password.
    assert Client(REMOTE_ADDR="10.0.0.1").post("/sign-in/", {"username": "anna", "password": PASSWORD}).status_code == 429
