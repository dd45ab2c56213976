"""Fixtures that more than one part of the suite needs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
import redis
from django.apps import apps
from django.conf import settings as django_settings
from django.db.backends.sqlite3.operations import DatabaseOperations
from hypothesis import HealthCheck, settings

from tests.support import translations
from tests.support.waiting import wait_until

# How long an example takes says how busy the machine is.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
# Where modules take minutes, in this order: those with a stack, those with containers. Elsewhere they take seconds.
LONG = ("stack", "browser", "jobs", "api", "views", "host")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest begin first: otherwise one process ends long after the others."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.parent.name, len(LONG)))


@pytest.fixture(autouse=True, scope="session")
def catalogues() -> None:
    """The translations as set-up compiles them, also where tests run from a clone."""
    translations.compile_all()


@pytest.fixture(autouse=True, scope="session")
def events_of_tests_go() -> Iterator[None]:
    """Let Django empty the test database after a test: its own triggers keep the audit trail from being emptied.

    The roles that a migration makes are there again for the next test, whichever that is.
    """
    flush = DatabaseOperations.execute_sql_flush
    rights = import_module("containers.migrations.0017_rights")

    def without_triggers(self: DatabaseOperations, statements: Iterable[str]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _sql in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
        flush(self, statements)
        with self.connection.cursor() as cursor:
            for _name, sql in triggers:
                cursor.execute(sql)
        rights.make_roles(apps, None)

    DatabaseOperations.execute_sql_flush = without_triggers  # type: ignore[assignment, method-assign]
    yield
    DatabaseOperations.execute_sql_flush = flush  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis.Redis]:
    """A private Redis on the socket that the settings name."""
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    socket = Path(client.connection_pool.connection_kwargs["path"])
    socket.parent.mkdir(parents=True, exist_ok=True)
    argv = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: socket.exists() and client.ping(), "Redis answers")
            yield client
        finally:
            client.close()
            process.terminate()
