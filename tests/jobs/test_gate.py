"""The gate against everything that somebody who can write to Redis could push (PLATFORM: gate tests)."""

from __future__ import annotations

import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st
from rq.serializers import DefaultSerializer

from containers.choices import JobState
from containers.domain.layout import Layout
from containers.jobs import gate, queue
from containers.models import Event

GENUINE = [gate.FUNCTION, None, [7], {}]


class Touch:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


def encode(entry: object) -> bytes:
    return json.dumps(entry).encode()


def test_a_genuine_entry_carries_one_number() -> None:
    assert gate.read_entry(encode(GENUINE)) == 7
    assert gate.read_entry(zlib.compress(encode(GENUINE))) == 7


@pytest.mark.parametrize(
    "entry",
    [
        ["os.system", None, ["id"], {}],
        ["eval", None, ["1"], {}],
        ["builtins.exec", None, ["1"], {}],
        ["containers.jobs.runner.record_refusal", None, ["x"], {}],
        ["run_job", "instance", [7], {}],
        [gate.FUNCTION, {"a": 1}, [7], {}],
        [gate.FUNCTION, None, [7, 8], {}],
        [gate.FUNCTION, None, [], {}],
        [gate.FUNCTION, None, ["7"], {}],
        [gate.FUNCTION, None, [True], {}],
        [gate.FUNCTION, None, [7.0], {}],
        [gate.FUNCTION, None, [0], {}],
        [gate.FUNCTION, None, [-1], {}],
        [gate.FUNCTION, None, [2**63], {}],
        [gate.FUNCTION, None, [7], {"job_id": 8}],
        [[gate.FUNCTION], None, [7], {}],
        {"func": gate.FUNCTION},
        None,
        7,
        "x",
    ],
)
def test_any_other_entry_is_refused(entry: object) -> None:
    with pytest.raises(gate.RefusedEntry):
        gate.read_entry(encode(entry))


@given(st.binary(max_size=3_000))
def test_no_bytes_do_anything_but_raise(data: bytes) -> None:
    with pytest.raises(gate.RefusedEntry):
        gate.read_entry(data)


def test_a_small_payload_cannot_become_a_large_one() -> None:
    bomb = zlib.compress(b" " * 50_000_000)
    with pytest.raises(gate.RefusedEntry):
        gate.read_entry(bomb[: gate.MAX_DATA_BYTES])


def test_nesting_does_not_exhaust_the_stack() -> None:
    with pytest.raises(gate.RefusedEntry):
        gate.read_entry(b"[" * 999)


def test_pickle_is_off_in_this_process() -> None:
    with pytest.raises(gate.RefusedEntry):
        DefaultSerializer.loads(pickle.dumps(1))
    with pytest.raises(gate.RefusedEntry):
        DefaultSerializer.dumps(1)


@pytest.fixture
def work(redis_server: redis.Redis, transactional_db: None) -> Any:
    """Run everything that is in the queue in this process, with the gate's worker."""
    redis_server.flushdb()

    def run() -> None:
        gate.Worker([queue.queue(settings.QUEUE)], connection=redis_server).work(burst=True, logging_level="ERROR")

    return run


def push(server: redis.Redis, fields: dict[str, Any], job_id: str = "forged") -> None:
    server.hset(f"rq:job:{job_id}", mapping=fields)
    server.rpush(f"rq:queue:{settings.QUEUE}", job_id)


def refusals() -> list[str]:
    return [event.data["reason"] for event in Event.objects.filter(kind="queue.refuse")]


def test_another_function_is_refused_and_recorded(work: Any, redis_server: redis.Redis, tmp_path: Path) -> None:
    target = tmp_path / "made"
    push(redis_server, {"data": encode(["pathlib.Path.touch", None, [str(target)], {}]), "origin": settings.QUEUE})
    work()
    assert not target.exists()
    assert len(refusals()) == 1
    assert "pathlib.Path.touch" in refusals()[0]


@pytest.mark.parametrize("field", ["data", "meta", "result"])
def test_pickled_fields_are_never_loaded(work: Any, redis_server: redis.Redis, tmp_path: Path, field: str) -> None:
    target = tmp_path / "made"
    push(redis_server, {"data": encode(["nothing", None, [], {}]), field: pickle.dumps(Touch(target)), "origin": settings.QUEUE})
    work()
    assert not target.exists()
    assert len(refusals()) == 1


@pytest.mark.parametrize("callback", ["success", "failure", "stopped"])
def test_callbacks_and_web_hooks_are_not_looked_at(work: Any, redis_server: redis.Redis, tmp_path: Path, callback: str) -> None:
    fields = {
        "data": encode(GENUINE),
        "origin": settings.QUEUE,
        f"{callback}_callback_name": "os.getpid",
        "webhooks": json.dumps([{"url": "http://127.0.0.1:9/", "statuses": ["finished", "failed"], "headers": {}}]),
        "timeout": "1",
        "retries_left": "5",
        "status": "no such status",
    }
    push(redis_server, fields)
    job = queue.queue(settings.QUEUE).fetch_job("forged")
    assert job is not None
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)
    assert (job.webhooks, job.timeout, job.retries_left) == ([], -1, None)
    work()
    assert refusals() == []


def test_a_forged_started_entry_is_left_alone(work: Any, redis_server: redis.Redis, tmp_path: Path) -> None:
    target = tmp_path / "made"
    redis_server.hset(
        "rq:job:old", mapping={"data": b"x", "meta": pickle.dumps(Touch(target)), "failure_callback_name": "os.abort"}
    )
    redis_server.zadd(f"rq:wip:{settings.QUEUE}", {"old:1": 1})
    work()
    assert not target.exists()


def test_the_worker_works_on_after_a_refusal(
    work: Any, redis_server: redis.Redis, make_job: Any, host_directories: Layout
) -> None:
    push(redis_server, {"data": b"\x80garbage", "origin": "elsewhere"}, "forged-1")
    push(redis_server, {"nothing": "here"}, "forged-2")
    job = make_job("network")
    queue.ring(job)
    work()
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    assert len(refusals()) == 1


def test_a_redis_that_is_away_costs_nothing_but_a_log_line(
    make_job: Any, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    queue.connection.cache_clear()
    try:
        queue.ring(make_job("network"))
    finally:
        queue.connection.cache_clear()
    assert "Redis does not answer" in caplog.text
