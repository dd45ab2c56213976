"""A real PostgreSQL with the two roles: what the web process is for works, and what it is not for is refused by the database."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from containers.services import grants
from tests.support import postgresql
from tests.support.postgresql import Database

# Sign in, define a container, have it started: as a browser does it.
WEB_PATH = """
import json
from django.conf import settings
from django.test import Client
from containers.models import Container, Event, Job
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
client = Client(headers={"host": "localhost"})
from django.contrib.auth import get_user_model
client.force_login(get_user_model().objects.get(username="admin"))
made = client.post("/api/v1/containers/", json.dumps({"name": "web", "definition": {"layers": ["base"]}}), "application/json")
started = client.post("/api/v1/containers/web/start/", "{}", "application/json")
page = client.get("/containers/web/")
print(json.dumps({
    "answers": [made.status_code, started.status_code, page.status_code],
    "jobs": list(Job.objects.order_by("id").values_list("operation", "state")),
    "events": Event.objects.count(),
}))
"""
SET_UP = """
from django.contrib.auth.models import User
from containers.models import Layer
from containers.services import hosts
User.objects.create_superuser("admin", password="x")
Layer.objects.create(host=hosts.current(), name="base", is_available=True)
"""
ROOT_PATH = """
from containers.choices import JobState
from containers.models import Job, Line
job = Job.objects.latest("id")
Line.objects.create(job=job, number=1, at=job.created_at, text="printed")
print(Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(state=JobState.RUNNING))
"""


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with postgresql.running() as made:
        made.manage("spocweb_root", code="from containers.management.commands.prepare import Command; Command().migrate()")
        made.manage("spocweb_root", code=SET_UP)
        yield made


@pytest.fixture(scope="module")
def answers(database: Database) -> dict[str, list[object]]:
    found: dict[str, list[object]] = json.loads(database.manage("spocweb_web", code=WEB_PATH).splitlines()[-1])
    return found


def test_what_the_panel_is_for_works_with_both_roles(database: Database, answers: dict[str, list[object]]) -> None:
    assert answers["answers"] == [201, 202, 200]
    assert [state for _operation, state in answers["jobs"]] == ["queued", "queued"]
    assert database.manage("spocweb_root", code=ROOT_PATH).strip() == "1"


def test_the_trail_is_whole_and_found_to_be_changed(database: Database, answers: dict[str, list[object]]) -> None:
    assert answers["events"]
    database.manage("spocweb_root", "audit", "verify")
    with database.connect("postgres") as connection:
        connection.execute("ALTER TABLE containers_event DISABLE TRIGGER USER")
        connection.execute("UPDATE containers_event SET subject = 'db' WHERE id = (SELECT max(id) FROM containers_event)")
        connection.execute("ALTER TABLE containers_event ENABLE TRIGGER USER")
    with pytest.raises(AssertionError, match="changed"):
        database.manage("spocweb_root", "audit", "verify")


REFUSED = [
    "UPDATE containers_event SET subject = 'x'",
    "DELETE FROM containers_event",
    "TRUNCATE containers_event",
    "DROP TRIGGER event_no_change ON containers_event",
    "ALTER TABLE containers_event DISABLE TRIGGER USER",
    "CREATE OR REPLACE FUNCTION spocweb_event_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    "INSERT INTO containers_eventgap SELECT * FROM containers_eventgap",
    "UPDATE containers_line SET text = 'x'",
    "DELETE FROM django_migrations",
    "CREATE TABLE mine ()",
    "DROP TABLE containers_job",
    "SET ROLE spocweb_owner",
    "SET ROLE spocweb_root",
    "SET session_replication_role = replica",
    "COPY containers_job TO '/tmp/x'",
    "SELECT pg_read_file('/etc/passwd')",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_web_process_is_refused(database: Database, statement: str) -> None:
    with database.connect("spocweb_web") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("statement", [one for one in REFUSED if "containers_event " in one or "FUNCTION" in one][1:])
def test_so_are_roots_processes_where_it_is_about_the_trail(database: Database, statement: str) -> None:
    with database.connect("spocweb_root") as connection, pytest.raises(psycopg.Error):
        connection.execute(statement)


def test_without_the_grants_the_triggers_alone_still_refuse(database: Database, answers: dict[str, list[object]]) -> None:
    with database.connect("postgres") as connection:
        for statement in (
            "UPDATE containers_event SET subject = 'x'",
            "DELETE FROM containers_event",
            "TRUNCATE containers_event",
        ):
            with pytest.raises(psycopg.errors.RaiseException):
                connection.execute(statement)


def test_what_is_not_granted_is_taken(database: Database) -> None:
    with database.connect("postgres") as connection:
        connection.execute("GRANT UPDATE ON containers_event TO spocweb_web")
    database.manage("spocweb_root", "grants", "--apply")
    with database.connect("spocweb_web") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE containers_event SET subject = 'x'")


def test_every_rule_is_about_a_table_that_there_is() -> None:
    assert {*grants.WEB, *grants.ROOT} <= {*grants.tables()}
