"""One session: what comes over its connection, and what is said to it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from containers.domain import frames
from containers.errors import Forbidden, HostError, NotFound
from containers.models import Ticket
from containers.services import hosts, tickets
from containers.services.inputs import Inputs
from containers.services.sessions import Session, greeting
from containers.services.tickets import Kind, Order
from containers.sessions import session
from containers.sessions.connection import Connection
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What "look" does, which a test may change."""

    def say(order: Order, connection: Connection) -> None:
        connection.tell({"subject": order.subject})
        connection.send(b"content")

    found: dict[str, Any] = {"look": say}
    monkeypatch.setattr(tickets, "KINDS", {"look": Kind("operate", Inputs, hosts.get_container)})
    monkeypatch.setattr(session, "HANDLERS", found)
    return found


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (pair := socket.socketpair())[0], pair[1]:
        yield pair


@pytest.fixture
def serve(ends: tuple[socket.socket, socket.socket]) -> Callable[[bytes], Session]:
    """Send something and hang up in that direction; return the client's end when the session has ended."""

    def run(sent: bytes) -> Session:
        ends[0].sendall(sent)
        ends[0].shutdown(socket.SHUT_WR)
        session.serve(Connection(ends[1]))
        ends[1].close()
        return Session(ends[0])

    return run


@pytest.fixture
def hello(handlers: dict[str, Any], operator: User) -> bytes:
    rows.container("shop")
    ticket = tickets.issue(rows.actor(operator), "look", "shop", {})
    return greeting(ticket, user_id=operator.pk, kind="look", subject="shop")


def test_a_ticket_opens_what_it_is_for(hello: bytes, serve: Callable[[bytes], Session]) -> None:
    told, content = serve(hello)
    assert (told.message, content.payload) == ({"subject": "shop"}, b"content")


def test_a_refusal_is_told_in_words(hello: bytes, operator: User, serve: Callable[[bytes], Session]) -> None:
    with pytest.raises(Forbidden, match="^This ticket is unknown, used up or has expired$"):
        list(serve(greeting("guessed", user_id=operator.pk, kind="look", subject="shop")))


def test_what_the_handler_raises_is_told_in_its_words(
    hello: bytes, handlers: dict[str, Any], serve: Callable[[bytes], Session]
) -> None:
    def fail(order: Order, connection: Connection) -> None:
        raise NotFound("There is no such file", resolution="Look for another")

    handlers["look"] = fail
    with pytest.raises(NotFound) as caught:
        list(serve(hello))
    assert (caught.value.brief, caught.value.resolution) == ("There is no such file", "Look for another")


def test_a_bug_is_called_one_and_says_nothing_else(
    hello: bytes, handlers: dict[str, Any], serve: Callable[[bytes], Session]
) -> None:
    def fail(order: Order, connection: Connection) -> None:
        raise RuntimeError("secret")

    handlers["look"] = fail
    with pytest.raises(HostError, match="^This is a bug in spocweb. The panel's output says more$") as caught:
        list(serve(hello))
    assert "secret" not in f"{caught.value}{caught.value.details}"


def test_a_database_that_is_locked_is_told(
    hello: bytes, monkeypatch: pytest.MonkeyPatch, serve: Callable[[bytes], Session]
) -> None:
    def locked(*args: object, **more: object) -> Order:
        raise OperationalError("database is locked")

    monkeypatch.setattr(tickets, "redeem", locked)
    with pytest.raises(HostError, match="The database did not answer: database is locked"):
        list(serve(hello))


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frames.text({}),
        frames.text({"ticket": 1, "user": 1, "kind": "look", "subject": "shop"}),
        frames.text({"ticket": "x", "user": "1", "kind": "look", "subject": "shop"}),
        frames.text({"ticket": "x", "user": 1, "kind": "look", "subject": "shop", "argv": ["sh"]}),
        frames.data(b"{}"),
    ],
)
def test_other_greetings_are_refused(handlers: dict[str, Any], serve: Callable[[bytes], Session], sent: bytes) -> None:
    with pytest.raises(Exception, match=r"^(This is no frame|A JSON object was expected|A ticket was expected.*)$"):
        list(serve(sent))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(sent=st.binary(max_size=100))
def test_no_bytes_harm_it(handlers: dict[str, Any], sent: bytes) -> None:
    client, server = socket.socketpair()
    with client, server:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        session.serve(Connection(server))
    assert not Ticket.objects.exists()


def test_it_ends_in_silence_when_nobody_is_there_any_more(
    hello: bytes, ends: tuple[socket.socket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    ends[0].sendall(hello)
    ends[0].close()
    session.serve(Connection(ends[1]))
    assert caplog.records == []


def test_it_ends_in_silence_when_what_it_was_for_has_closed_the_connection(
    hello: bytes, handlers: dict[str, Any], ends: tuple[socket.socket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    handlers["look"] = lambda order, connection: connection.socket.close()
    ends[0].sendall(hello)
    session.serve(Connection(ends[1]))
    assert caplog.records == []


def test_whoever_says_nothing_is_let_go(
    handlers: dict[str, Any],
    ends: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun: list[object] = []
    handlers["look"] = lambda order, connection: begun.append(order)
    monkeypatch.setattr(session, "GREETING_TIMEOUT_S", 0.01)
    session.serve(Connection(ends[1]))
    assert (begun, caplog.records) == ([], [])


def test_an_end_that_was_not_announced_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[1].sendall(frames.data(b"half of"))
    ends[1].close()
    with pytest.raises(HostError, match="^The session server broke off$"):
        list(Session(ends[0]))


def test_every_kind_can_be_opened() -> None:
    assert set(session.HANDLERS) == set(tickets.KINDS)


def test_a_server_that_is_away_is_told() -> None:
    with pytest.raises(HostError, match="^The session server does not answer. Try again in a moment$"):
        Session.open("x", user_id=1, kind="look", subject="shop")
