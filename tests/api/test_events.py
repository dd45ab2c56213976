"""/events/, through Django's ASGI handler and a real Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIHandler
from django.db import OperationalError
from django.test import Client

from containers.api.events import frames
from containers.models import ApiToken
from containers.services import events, following, sight, tokens
from containers.services.following import Credential
from tests.support import rows

DEADLINE_S = 20

# The handler looks accounts up in a thread of its own, which sees what is committed only.
pytestmark = pytest.mark.django_db(transaction=True)


communicator: Any = ApplicationCommunicator


class Stream:
    """A client of the stream that speaks ASGI."""

    def __init__(self, headers: dict[str, str]) -> None:
        raw = [(key.lower().encode(), value.encode()) for key, value in {"Host": "localhost", **headers}.items()]
        scope = {"type": "http", "method": "GET", "path": "/api/v1/events/", "query_string": b"", "headers": raw}
        handler = ASGIHandler()
        handler.load_middleware(is_async=True)
        self.http: Any = communicator(handler, scope)
        self.buffer = b""

    async def open(self) -> tuple[int, dict[str, str]]:
        await self.http.send_input({"type": "http.request", "body": b"", "more_body": False})
        start = await self.http.receive_output(DEADLINE_S)
        return start["status"], {key.decode().lower(): value.decode() for key, value in start["headers"]}

    async def frame(self) -> str:
        while b"\n\n" not in self.buffer:
            message = await self.http.receive_output(DEADLINE_S)
            assert message["type"] == "http.response.body"
            self.buffer += message["body"]
        frame, self.buffer = self.buffer.split(b"\n\n", 1)
        return frame.decode()

    async def ended(self) -> bool:
        """Wait for the end that the server makes."""
        while (await self.http.receive_output(DEADLINE_S)).get("more_body"):
            pass
        await self.http.wait(DEADLINE_S)
        return True

    async def close(self) -> None:
        await self.http.send_input({"type": "http.disconnect"})
        await self.http.wait(DEADLINE_S)


def bounded(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await main()

    asyncio.run(run())


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.create_token(user)}"}


def session(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"Cookie": f"spocweb_session={client.cookies['spocweb_session'].value}"}


def subscribers(server: redis.Redis) -> int:
    return int(server.pubsub_numsub(events.channel())[0][1])


@pytest.mark.parametrize("credentials", [bearer, session])
def test_events_arrive_as_frames_and_the_client_may_go(redis_server: redis.Redis, viewer: User, credentials: Any) -> None:
    headers = credentials(viewer)

    async def main() -> None:
        stream = Stream(headers)
        status, answered = await stream.open()
        assert (status, answered["content-type"], answered["cache-control"]) == (200, "text/event-stream", "no-store")
        assert [await stream.frame(), await stream.frame()] == ["retry: 2000", "event: listening\ndata: {}"]
        data = {"job": 1, "number": 2, "text": "line\nbreak é\u2028"}
        redis_server.publish(events.channel(), json.dumps({"kind": "line", "data": data}))
        frame = await stream.frame()
        kind, _, rest = frame.partition("\n")
        assert kind == "event: line"
        assert json.loads(rest.removeprefix("data: ")) == data
        await stream.close()
        while subscribers(redis_server):
            await asyncio.sleep(0.01)

    bounded(main)


@pytest.mark.parametrize(("right", "status"), [(None, 401), ("", 403), ("view_container", 200), ("operate_container", 200)])
def test_who_may_look_may_listen(redis_server: redis.Redis, right: str | None, status: int) -> None:
    headers = {} if right is None else bearer(rows.user("somebody", right))

    async def main() -> None:
        stream = Stream(headers)
        answered, _headers = await stream.open()
        assert answered == status
        await (stream.close() if status == 200 else stream.http.wait(DEADLINE_S))

    bounded(main)


def test_silence_is_broken_by_comments(redis_server: redis.Redis) -> None:
    async def main() -> None:
        stream = frames(Credential(0), keep_alive_s=0.05)
        seen = [await anext(stream) for _ in range(4)]
        assert seen == [b"retry: 2000\n\n", b"event: listening\ndata: {}\n\n", b": alive\n\n", b": alive\n\n"]
        redis_server.publish(events.channel(), json.dumps({"kind": "job", "data": {"id": 1}}))
        frame = await anext(stream)
        while frame == b": alive\n\n":
            frame = await anext(stream)
        assert frame == b'event: job\ndata: {"id": 1}\n\n'
        await stream.aclose()  # type: ignore[attr-defined]
        while subscribers(redis_server):
            await asyncio.sleep(0.01)

    bounded(main)


def test_two_clients_share_one_subscription(redis_server: redis.Redis, viewer: User) -> None:
    headers = bearer(viewer)

    async def main() -> None:
        streams = [Stream(headers), Stream(headers)]
        for stream in streams:
            await stream.open()
            await stream.frame()
            assert await stream.frame() == "event: listening\ndata: {}"
        assert subscribers(redis_server) == 1
        redis_server.publish(events.channel(), json.dumps({"kind": "job", "data": {}}))
        assert [await stream.frame() for stream in streams] == ["event: job\ndata: {}"] * 2
        await streams[0].close()
        assert subscribers(redis_server) == 1
        await streams[1].close()

    bounded(main)


def sign_out(user: User, headers: dict[str, str]) -> None:
    Client(headers={"Cookie": headers["Cookie"]}).post("/sign-out/")


def switch_off(user: User, headers: dict[str, str]) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def take_the_right(user: User, headers: dict[str, str]) -> None:
    user.user_permissions.clear()


def change_password(user: User, headers: dict[str, str]) -> None:
    user.set_password("another one")
    user.save()


def revoke(user: User, headers: dict[str, str]) -> None:
    ApiToken.objects.all().delete()


@pytest.mark.parametrize(
    ("credentials", "change"),
    [
        (session, sign_out),
        (session, switch_off),
        (session, take_the_right),
        (session, change_password),
        (bearer, switch_off),
        (bearer, take_the_right),
        (bearer, revoke),
    ],
)
def test_a_stream_ends_when_its_user_may_not_follow_any_more(
    redis_server: redis.Redis, viewer: User, monkeypatch: pytest.MonkeyPatch, credentials: Any, change: Any
) -> None:
    monkeypatch.setattr(following, "CHECK_EVERY_S", 0.02)
    headers, other = credentials(viewer), bearer(rows.user("other", "view_container"))

    async def main() -> None:
        streams = [Stream(headers), Stream(other)]
        for stream in streams:
            await stream.open()
            await stream.frame()
            assert await stream.frame() == "event: listening\ndata: {}"
        await asyncio.to_thread(change, viewer, headers)
        if change is revoke:
            # Everybody's token is gone.
            assert await streams[1].ended()
            streams.pop()
        assert await streams[0].ended()
        for stream in streams[1:]:
            redis_server.publish(events.channel(), json.dumps({"kind": "job", "data": {}}))
            assert await stream.frame() == "event: job\ndata: {}"
            await stream.close()

    bounded(main)


def test_streams_are_asked_about_together(viewer: User, django_assert_max_num_queries: Any) -> None:
    seen = sight.of(viewer)
    keys = [Credential(viewer.pk, session=session(viewer)["Cookie"].partition("=")[2], sight=seen) for _ in range(20)]
    with django_assert_max_num_queries(5):
        assert following.refused(keys) == set()
    by: tuple[dict[str, str], ...] = ({}, {"session": "x"}, {"token": "x"})
    gone = [
        *(Credential(viewer.pk, session=one.get("session", ""), token=one.get("token", ""), sight=seen) for one in by),
        Credential(99_999, sight=seen),
    ]
    assert following.refused([*keys, *gone]) == set(gone)


def test_a_session_of_somebody_else_lets_nobody_in(viewer: User) -> None:
    other = session(rows.user("other", "view_container"))["Cookie"].partition("=")[2]
    assert following.refused([Credential(viewer.pk, session=other, sight=sight.of(viewer))])


def test_a_database_that_does_not_answer_ends_nobodys_stream(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(credentials: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(following, "refused", fail)
    assert following._ask({Credential(viewer.pk)}) == set()
