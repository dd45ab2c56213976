"""Live events, published and received through a real Redis."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import redis
from django.db import transaction

from containers.choices import Via
from containers.domain.states import Operation
from containers.models import Job
from containers.services import events, stream
from containers.services.queue import queue
from containers.services.stream import Fanout, Listener, LiveEvent
from tests.support import rows
from tests.support.rows import ROOT
from tests.support.waiting import wait_until

DEADLINE_S = 20


@pytest.fixture
def heard(redis_server: redis.Redis) -> Any:
    """A function that returns the next event on the channel."""
    pubsub: Any = redis_server.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    pubsub.subscribe(events.channel())
    wait_until(lambda: pubsub.subscribed and redis_server.pubsub_numsub(events.channel())[0][1], "the subscription")

    def following() -> Any:
        for message in pubsub.listen():
            return json.loads(message["data"])
        return None

    yield following
    pubsub.close()


@pytest.mark.django_db
def test_an_event_is_told_when_the_transaction_has_committed(heard: Any, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks, transaction.atomic():
        events.publish("line", {"job": 1, "text": "é\n"})
    assert len(callbacks) == 1
    assert heard() == {"kind": "line", "data": {"job": 1, "text": "é\n"}}


@pytest.mark.django_db
def test_a_job_is_told(heard: Any, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.services.queue.ring", lambda job: None)
    rows.layer()
    with django_capture_on_commit_callbacks(execute=True):
        job = queue(ROOT, Operation.NETWORK, [], {})
    expected = {"id": job.pk, "operation": "network", "targets": [], "state": "queued", "reason": "", "user": "root"}
    assert heard() == {"kind": "job", "data": expected}


@pytest.mark.django_db
def test_a_removed_container_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, Any]] = []
    row = rows.container("a")
    monkeypatch.setattr(events, "publish", lambda kind, data: told.append((kind, data)))
    events.publish_container(row, removed=True)
    assert told == [("container", {**events.container_data(row), "removed": True})]


@pytest.mark.django_db
def test_a_redis_that_does_not_answer_costs_nothing(
    settings: Any, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = redis.Redis.from_url("unix:///nonexistent/redis.sock")
    monkeypatch.setattr("containers.jobs.queue.connection", lambda: dead)
    with django_capture_on_commit_callbacks(execute=True):
        queue(ROOT, Operation.NETWORK, [], {})
    assert Job.objects.get().via == Via.CLI


def run(main: Any) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(DEADLINE_S):
            return await main()

    return asyncio.run(bounded())


def test_one_subscription_serves_all_listeners(redis_server: redis.Redis) -> None:
    async def main() -> None:
        hub = Fanout()
        async with hub.listen() as one, hub.listen() as two:
            assert await hub.wait_subscribed(DEADLINE_S)
            assert redis_server.pubsub_numsub(events.channel())[0][1] == 1
            events._send([json.dumps({"kind": "job", "data": {"id": 7}})])
            assert [await one.get(), await two.get()] == [LiveEvent("job", {"id": 7})] * 2
        while redis_server.pubsub_numsub(events.channel())[0][1]:
            await asyncio.sleep(0.01)

    run(main)


def test_what_is_no_event_is_dropped(redis_server: redis.Redis) -> None:
    async def main() -> None:
        hub = Fanout()
        async with hub.listen() as listener:
            assert await hub.wait_subscribed(DEADLINE_S)
            for raw in (
                b"",
                b"x",
                b"[]",
                b'{"kind": "a b", "data": {}}',
                b'{"kind": "x\\n", "data": {}}',
                b'{"kind": "x"}',
                b"[" * 9999,
            ):
                redis_server.publish(events.channel(), raw)
            redis_server.publish(events.channel(), b'{"kind": "line", "data": {}}')
            assert await listener.get() == LiveEvent("line", {})

    run(main)


def test_without_redis_a_listener_waits(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"

    async def main() -> None:
        hub = Fanout()
        async with hub.listen():
            assert await hub.wait_subscribed(0.05) is False

    run(main)


def test_the_subscription_comes_back_after_an_interruption(redis_server: redis.Redis) -> None:
    async def main() -> None:
        hub = Fanout()
        async with hub.listen() as listener:
            assert await hub.wait_subscribed(DEADLINE_S)
            redis_server.client_kill_filter(_type="pubsub")
            event = None
            while event is None:
                redis_server.publish(events.channel(), b'{"kind": "line", "data": {}}')
                try:
                    async with asyncio.timeout(0.05):
                        event = await listener.get()
                except TimeoutError:
                    continue
            assert event == LiveEvent("line", {})

    run(main)


def test_a_listener_that_is_too_far_behind_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_BACKLOG", 3)

    async def main() -> list[LiveEvent | None]:
        listener = Listener()
        puts = [listener.put(LiveEvent("line", {"number": number})) for number in range(4)]
        assert puts == [True, True, True, False]
        return [await listener.get()]

    assert run(main) == [None]


def test_each_event_loop_has_a_subscription_of_its_own() -> None:
    async def main() -> tuple[Fanout, Fanout]:
        return stream.fanout(), stream.fanout()

    one, two = asyncio.run(main()), asyncio.run(main())
    assert one[0] is one[1]
    assert one[0] is not two[0]
