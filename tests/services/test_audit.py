"""The audit trail: chained, whoever writes; nothing is done that cannot be recorded; the database itself keeps what is there."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from containers.choices import EventKind, JobState, Via
from containers.domain import chain
from containers.errors import Unrecorded
from containers.jobs.journal import Journal
from containers.models import Container, Event, EventGap, Job
from containers.services import audit
from containers.services.actor import Actor, of_job
from containers.services.audit_jobs import JobCheck
from tests.support import rows

SYSTEM = Actor(None, Via.SYSTEM)
APP = Path(__file__).parents[2] / "containers"


def is_chained() -> bool:
    previous = chain.GENESIS
    for event in Event.objects.order_by("id"):
        if (event.previous, event.digest) != (previous, chain.link(previous, audit.contents(event))):
            return False
        previous = event.digest
    return True


@pytest.mark.django_db
def test_what_a_job_does_in_somebodys_name_is_recorded_with_the_job() -> None:
    job = Job.objects.create(host=rows.host(), operation="app-install", targets=["blog"], user_name="ann", via=Via.API)
    event = audit.record(of_job(job), EventKind.CONTAINER_CREATE, "blog-web", {})
    assert (event.job_id, event.user_name, event.via) == (job.pk, "ann", Via.API)


@pytest.mark.django_db
def test_each_event_covers_the_one_before() -> None:
    person = rows.user("ann")
    actor = Actor(person, Via.API, "10.0.0.1", request_id="ab" * 16)
    for data in ({}, {"a": [1, 2.5, None, "é\n"]}, {"b": {"c": "x\0y"}, "large": 1e22}):
        audit.record(actor, "demo.create", "x", data)
    assert is_chained()
    last = Event.objects.latest("id")
    assert (last.pk, last.user_id, last.user_name, last.request_id) == (3, person.pk, "ann", "ab" * 16)
    assert last.data == {"b": {"c": "x<U+0000>y"}, "large": 10**22}


@pytest.mark.django_db
def test_another_kind_is_a_bug() -> None:
    with pytest.raises(ValueError, match="nothing"):
        audit.record(SYSTEM, "nothing", "x", {})


def test_every_kind_that_the_code_records_is_one_of_the_list() -> None:
    found = {
        node.args[1].value
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record" and isinstance(node.args[1], ast.Constant)
    }
    assert found <= set(EventKind.values)
    assert len(found) > 10


@pytest.mark.django_db
def test_secrets_are_masked() -> None:
    audit.record(SYSTEM, "container.update", "web", {"after": {"env": {"DB_PASSWORD": "hunter22", "PORT": "80"}}})
    assert Event.objects.get().data == {"after": {"env": {"DB_PASSWORD": "********", "PORT": "80"}}}


@pytest.mark.django_db
def test_an_account_goes_and_its_name_stays() -> None:
    person = rows.user("ann")
    event = audit.record(rows.actor(person), "demo.create", "x", {})
    key = person.pk
    person.delete()
    event.refresh_from_db()
    assert (event.user_id, event.user_name) == (key, "ann")
    assert not User.objects.filter(pk=key).exists()
    assert is_chained()


@pytest.fixture
def full_disk() -> Iterator[None]:
    """A database that takes everything but events."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON main.containers_event "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER temp.full")


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_recorded_is_not_done(request: pytest.FixtureRequest) -> None:
    web = rows.container("web")
    request.getfixturevalue("full_disk")
    before = Container.objects.values().get()
    for change in (
        lambda: rows.containers.update_container(rows.ROOT, web, {"description": "x"}),
        lambda: rows.containers.create_container(rows.ROOT, rows.spec("db")),
    ):
        with pytest.raises(Unrecorded, match="is full"):
            change()
    assert Container.objects.values().get() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE containers_event SET subject = 'y'",
        "UPDATE containers_event SET user_name = 'bob' WHERE id = 2",
        "DELETE FROM containers_event",
        "DELETE FROM containers_event WHERE id = 3",
        "REPLACE INTO containers_event SELECT * FROM containers_event WHERE id = 2",
        "INSERT OR REPLACE INTO containers_event (id, at, kind, subject, user_name, via, request_id, data, previous, digest) "
        "SELECT 9, at, kind, subject, user_name, via, request_id, data, previous, digest FROM containers_event WHERE id = 2",
    ],
)
def test_the_database_refuses_to_change_events(statement: str) -> None:
    for number in range(3):
        audit.record(SYSTEM, "demo.create", str(number), {})
    before = list(Event.objects.values())
    with pytest.raises(DatabaseError, match="of the audit trail"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(Event.objects.values()) == before


@pytest.mark.django_db
@pytest.mark.parametrize(("first", "last", "goes"), [(2, 3, True), (3, 4, False), (1, 1, False), (4, 5, False)])
def test_an_event_goes_where_a_gap_covers_it_alone(first: int, last: int, goes: bool) -> None:
    for number in range(5):
        audit.record(SYSTEM, "demo.create", str(number), {})
    more: dict[str, Any] = {"until": Event.objects.latest("id").at, "previous": "", "digest": "", "signature": ""}
    EventGap.objects.create(first=first, last=last, count=1, **more)
    try:
        with transaction.atomic():
            Event.objects.filter(pk=2).delete()
    except DatabaseError:
        assert not goes
    assert Event.objects.filter(pk=2).exists() is not goes


class Kept(logging.Handler):
    """Where events are sent as well, in place of a syslog daemon."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def elsewhere() -> Iterator[Kept]:
    kept, level = Kept(), audit.forward.level
    audit.forward.addHandler(kept)
    audit.forward.setLevel(logging.INFO)
    yield kept
    audit.forward.removeHandler(kept)
    audit.forward.setLevel(level)


@pytest.mark.django_db
def test_events_are_sent_elsewhere_once_they_are_there(elsewhere: Kept, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        event = audit.record(SYSTEM, "demo.create", "x\r\nforged line\x1b[2J\u202e", {"é": "\n"})
        assert elsewhere.lines == []
    (line,) = elsewhere.lines
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {**audit.contents(event), "digest": event.digest}


@pytest.mark.django_db
def test_a_job_that_cannot_be_recorded_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job.objects.create(host=rows.host(), operation="start", state=JobState.RUNNING, via="cli")

    def full(event: Event) -> None:
        raise DatabaseError("database or disk is full")

    monkeypatch.setattr(audit, "_place", full)
    with pytest.raises(Unrecorded), transaction.atomic():
        Journal(job).end(JobState.SUCCEEDED)
    assert Job.objects.get().state == JobState.RUNNING


@pytest.mark.django_db
def test_an_account_that_is_removed_while_its_job_runs_stays_on_record() -> None:
    person = rows.user("ann", "operate_container")
    job = Job.objects.create(host=rows.host(), operation="start", state=JobState.RUNNING, via="web", user=person, user_name="ann")
    found = Job.objects.get()
    key = person.pk
    person.delete()
    Journal(found).end(JobState.SUCCEEDED)
    event = Event.objects.get(kind="job.end")
    assert (event.job_id, event.user_id, event.user_name, event.data["state"]) == (job.pk, key, "ann", "succeeded")
    assert list(JobCheck().findings()) == []
