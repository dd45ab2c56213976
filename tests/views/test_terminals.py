"""The page of a container's terminals."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from containers.choices import ContainerState, TerminalEnding
from containers.models import Container, TerminalSession
from tests.support import rows
from tests.support.html import parse
from tests.views.conftest import HTMX, signed_in

pytestmark = pytest.mark.django_db

PAGE = "/containers/web/terminal/"


@pytest.fixture
def web(db: None) -> Container:
    return rows.container("web", state=ContainerState.RUNNING)


@pytest.fixture
def opener(web: Container) -> User:
    return rows.user("opener", "view_container", "open_terminal")


def make(user: User, *, ended: bool = False, **more: Any) -> TerminalSession:
    about = {"container_name": "web", "user": user, "user_name": user.username, "via": "web", "started_at": timezone.now()}
    if ended:
        about |= {"ended_at": timezone.now(), "ending": TerminalEnding.IDLE, "reason": "nobody typed for 1800 s"}
    return TerminalSession.objects.create(container=Container.objects.get(name="web"), **about | more)


def words(client: Client, page: str = PAGE) -> str:
    response = client.get(page)
    assert response.status_code == 200
    return str(parse(response).one("main").text)


def test_it_lists_who_has_one_open_and_who_has_had_one(opener: User, admin: User) -> None:
    make(opener, command=["/bin/sh", "-c", "id -u"], uid="nobody")
    make(admin, ended=True)
    text = words(signed_in(opener))
    assert "Open terminals" in text
    assert "/bin/sh -c 'id -u'" in text
    assert "as nobody" in text
    assert "nobody typed for 1800 s" in text


def test_each_may_join_his_own_and_an_administrator_end_all(opener: User, admin: User) -> None:
    mine, other = make(opener), make(admin)
    for person, joins, ends in ((opener, [mine], [mine]), (admin, [other], [other, mine])):
        tree = parse(signed_in(person).get(PAGE))
        assert [button.attrs["data-join"] for button in tree.all("button") if "data-join" in button.attrs] == [
            str(row.pk) for row in joins
        ]
        actions = [form.attrs["action"] for form in tree.all("form") if form.attrs.get("action", "").endswith("/end/")]
        assert actions == [f"{PAGE}{row.pk}/end/" for row in ends]


def test_ending_is_asked_for(opener: User, admin: User) -> None:
    row = make(opener)
    assert signed_in(rows.user("other", "view_container", "open_terminal")).post(f"{PAGE}{row.pk}/end/").status_code == 403
    response = signed_in(admin).post(f"{PAGE}{row.pk}/end/")
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert TerminalSession.objects.get().end_asked_by == "admin"
    assert signed_in(admin).post(f"{PAGE}{row.pk + 1}/end/").status_code == 404


def test_only_who_may_open_one_sees_the_tab(opener: User, client: Client, viewer_client: Client) -> None:
    assert PAGE in signed_in(opener).get("/containers/web/").content.decode()
    for other in (client, viewer_client):
        assert PAGE not in other.get("/containers/web/").content.decode()
        assert other.get(PAGE).status_code == 403
        assert other.post(f"{PAGE}1/end/").status_code == 403


@pytest.mark.parametrize("is_recorded", [True, False])
def test_it_says_beforehand_whether_it_is_recorded(opener: User, settings: Any, is_recorded: bool) -> None:
    settings.TERMINAL_RECORDING = is_recorded
    assert ("Terminals are recorded." in words(signed_in(opener))) is is_recorded


def test_a_fragment_is_the_lists_alone(opener: User) -> None:
    make(opener)
    response = signed_in(opener).get(PAGE, headers=HTMX)
    assert response.content.decode().count("<section") == 1
    assert b'id="terminals"' in response.content


def test_the_number_of_queries_does_not_grow_with_the_lists(opener: User) -> None:
    client = signed_in(opener)
    counts = []
    for _ in range(2):
        for _ in range(5):
            make(opener)
            make(opener, ended=True)
        with CaptureQueriesContext(connection) as queries:
            words(client)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("state", "ways"),
    [
        (ContainerState.RUNNING, []),
        (ContainerState.FROZEN, ["Unfreeze…"]),
        (ContainerState.STOPPED, ["Run a command…", "Start to look around…"]),
    ],
)
def test_what_does_not_run_says_how_to_look_into_it_all_the_same(
    web: Container, admin: User, opener: User, state: ContainerState, ways: list[str]
) -> None:
    Container.objects.update(state=state)
    client = signed_in(admin)
    for headers in ({}, HTMX):
        door = parse(client.get(PAGE, headers=headers)).one(id="terminal-door")
        assert [link.text for link in door.all("a")] == ways
        assert [button.text for button in door.all("button")] == ([] if ways else ["Open terminal"])
    # Who may only open terminals is not led to what is refused.
    assert parse(signed_in(opener).get(PAGE)).one(id="terminal-door").all("a") == []


def test_a_start_to_look_around_only_waits(web: Container, admin: User) -> None:
    Container.objects.update(state=ContainerState.STOPPED)
    client = signed_in(admin)
    address = parse(client.get(PAGE)).one(id="terminal-door").all("a")[-1]["href"]
    assert parse(client.get(address)).one("input", name="command")["value"] == "/bin/sleep 3600"
