"""Redis as the web process may use it: it rings and tells, and neither reads, empties nor takes over what is there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from containers.host import redis_users
from containers.jobs import gate, queue, runner
from containers.services import events
from tests.support.waiting import wait_until

As = Callable[[str], redis.Redis]
# Each with what it would give somebody who has taken over the web process.
REFUSED = {
    "empty it": ["FLUSHALL"],
    "find what is there": ["KEYS", "*"],
    "go through what is there": ["SCAN", "0"],
    "read an entry": ["HGETALL", "rq:job:other"],
    "take an entry away": ["LPOP", f"rq:queue:{settings.QUEUE}"],
    "remove an entry": ["DEL", "rq:job:other"],
    "ring for another host": ["RPUSH", "rq:queue:host:other", "1"],
    "write anywhere": ["SET", "other", "1"],
    "tell another host's news": ["PUBLISH", "host:other:events", "{}"],
    "command rq's workers": ["PUBLISH", "rq:pubsub:worker", "{}"],
    "listen to everything": ["PSUBSCRIBE", "*"],
    "see what others do": ["MONITOR"],
    "read the configuration": ["CONFIG", "GET", "*"],
    "write files": ["CONFIG", "SET", "dir", "/etc"],
    "save a file": ["SAVE"],
    "run a program of its own": ["EVAL", "return 1", "0"],
    "load a module": ["MODULE", "LOAD", "/tmp/module.so"],
    "take a copy elsewhere": ["REPLICAOF", "192.0.2.1", "6379"],
    "end it": ["SHUTDOWN"],
    "end others' connections": ["CLIENT", "KILL", "TYPE", "normal"],
    "see others' connections": ["CLIENT", "LIST"],
    "give itself more": ["ACL", "SETUSER", "web", "+@all"],
    "see who may": ["ACL", "LIST"],
    "look into memory": ["DEBUG", "OBJECT", "rq:queues"],
}


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[As]:
    """A server with the rules that the panel gives its own; connections to it as one of its users."""
    base = tmp_path_factory.mktemp("redis")
    users, socket = base / "users", base / "redis.sock"
    redis_users.ensure(users, queue=settings.QUEUE, gid=0)
    argv = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--aclfile", str(users / "users.acl")]
    # The panel's own does without these for everybody; here rules have to refuse them.
    argv += ["--enable-debug-command", "yes", "--enable-module-command", "yes", "--maxmemory", "16mb"]

    def connect(name: str) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(socket), username=name, password=(users / name).read_text())

    with subprocess.Popen(argv, cwd=base, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: socket.exists() and connect("root").ping(), "Redis answers")
            yield connect
        finally:
            process.terminate()


@pytest.fixture
def web(connect: As, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    with closing(connect("root")) as root:
        root.flushall()
    with closing(connect("web")) as client:
        monkeypatch.setattr(queue, "connection", lambda: client)
        yield client


@pytest.mark.parametrize("command", REFUSED.values(), ids=REFUSED)
def test_the_web_process_cannot(web: redis.Redis, command: list[str]) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        web.execute_command(*command)


def test_the_web_process_rings_and_root_works(
    web: redis.Redis, connect: As, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    connect("root").acl_log_reset()
    monkeypatch.setattr(runner, "run_job", ran.append)
    for number in (7, 8):
        queue.ring(SimpleNamespace(pk=number, host=SimpleNamespace(queue=settings.QUEUE)))  # type: ignore[arg-type]
    with closing(connect("root")) as root:
        monkeypatch.setattr(queue, "connection", lambda: root)
        assert queue.rung(settings.QUEUE) == 2
        gate.Worker([queue.queue(settings.QUEUE)], connection=root).work(burst=True, logging_level="CRITICAL")
        assert root.acl_log() == []
    assert ran == [7, 8]
    assert caplog.records == []


QUEUE_KEY = f"rq:queue:{settings.QUEUE}"


def _make_another_kind(web: redis.Redis) -> None:
    web.hset(QUEUE_KEY, "a", "b")


def _flood(web: redis.Redis) -> None:
    web.rpush(QUEUE_KEY, *range(queue.MAX_ENTRIES + 1))


def _fill_memory(web: redis.Redis) -> None:
    web.select(1)
    with suppress(redis.exceptions.OutOfMemoryError):
        while web.rpush("rq:job:x", "x" * 1_000_000) < 1_000:
            pass


@pytest.mark.parametrize("spoil", [_make_another_kind, _flood, _fill_memory])
def test_what_keeps_the_bell_from_ringing_is_removed_by_root(
    web: redis.Redis, connect: As, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[redis.Redis], None]
) -> None:
    job: Any = SimpleNamespace(pk=7, host=SimpleNamespace(queue=settings.QUEUE))
    monkeypatch.setattr(settings, "HAS_PRIVATE_REDIS", True)
    with closing(connect("root")) as root:
        spoil(web)
        monkeypatch.setattr(queue, "connection", lambda: root)
        assert queue.ring_again(settings.QUEUE, [job]) == 1
        assert queue.rung(settings.QUEUE) == 1
        assert queue.ring_again(settings.QUEUE, [job]) == 0


def test_in_another_redis_nothing_goes_but_the_queue(web: redis.Redis, connect: As, monkeypatch: pytest.MonkeyPatch) -> None:
    job: Any = SimpleNamespace(pk=7, host=SimpleNamespace(queue=settings.QUEUE))
    monkeypatch.setattr(settings, "HAS_PRIVATE_REDIS", False)
    with closing(connect("root")) as root:
        root.set("other", "1")
        _make_another_kind(web)
        monkeypatch.setattr(queue, "connection", lambda: root)
        assert queue.ring_again(settings.QUEUE, [job]) == 1
        assert root.get("other") == b"1"


def test_the_web_process_tells_and_hears_news(web: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    with web.pubsub() as listening:
        listening.subscribe(events.channel())
        heard: list[Any] = [listening.get_message(timeout=60)]
        events._send(['{"kind": "job", "data": {}}'])
        heard.append(listening.get_message(timeout=60))
    assert [message["type"] for message in heard] == ["subscribe", "message"]
    assert caplog.records == []


@pytest.mark.parametrize(
    "credentials", [{}, {"password": "x"}, {"username": "web", "password": ""}, {"username": "root", "password": "x"}]
)
def test_nobody_else_comes_in(connect: As, credentials: dict[str, str]) -> None:
    path = connect("root").connection_pool.connection_kwargs["path"]
    with (
        closing(redis.Redis(unix_socket_path=path, retry=Retry(NoBackoff(), 0), **credentials)) as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()


def test_passwords_are_kept_and_for_whom_they_are(tmp_path: Path) -> None:
    users = tmp_path / "users"
    for _again in range(2):
        redis_users.ensure(users, queue="host:a", gid=4321)
        found = {path.name: (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o7777) for path in users.iterdir()}
        assert found == {"root": (0, 0, 0o400), "web": (0, 4321, 0o440), "users.acl": (0, 4321, 0o440)}
        passwords = {name: (users / name).read_text() for name in ("root", "web")}
        users.chmod(0o777)
    assert passwords == {name: (users / name).read_text() for name in passwords}
    assert len({*passwords.values()}) == 2
    text = (users / "users.acl").read_text()
    assert not [password for password in passwords.values() if password in text]
