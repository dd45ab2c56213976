"""What somebody typed as a command: with its arguments for who could run it there, with stars for everybody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from containers.choices import JobState, StepState
from containers.domain.secrecy import MASK
from containers.domain.states import Operation
from containers.models import Command, Event, Grant, Job, Line, Step
from containers.services import audit, operations, sight
from containers.services.stream import LiveEvent
from containers.services.window import Window
from tests.support import rows
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db

# Nothing by which a secret could be told: no name, no form.
ARGUMENT = "wilhelmina1848"
ARGV = ["lxc-attach", "-n", "web", "--", "set-pin", ARGUMENT]
PAGES = (
    "/jobs/",
    "/jobs/{job}/",
    "/jobs/{job}/record/",
    "/jobs/{job}/support/",
    "/jobs/{job}/output/{command}/",
    "/containers/web/jobs/",
    "/api/v1/jobs/",
    "/api/v1/jobs/{job}/",
)
TRAIL = (
    "/audit/",
    "/audit/{event}/",
    "/audit/{opened}/",
    "/api/v1/audit/",
    "/api/v1/audit/{event}/",
    "/api/v1/audit/export/",
    "/api/v1/audit/export/?format=csv",
)


@pytest.fixture
def numbers() -> dict[str, int]:
    """What stands in addresses: of a job that ran a command, and of an event about a terminal that was opened for one."""
    rows.container("web")
    job = operations.request(rows.ROOT, Operation.EXECUTE, ["web"], {"command": ["set-pin", ARGUMENT]})
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, started_at=timezone.now(), ended_at=timezone.now())
    step = Step.objects.create(job=job, number=1, container="web", action="execute", state=StepState.SUCCEEDED)
    command = Command.objects.create(step=step, number=1, argv=ARGV, started_at=timezone.now(), exit_code=0, duration_ms=7)
    Line.objects.create(job=job, command=command, number=1, at=timezone.now(), text="done")
    opened = audit.record(rows.ROOT, "terminal.open", "web", {"command": ["set-pin", ARGUMENT]})
    return {"job": job.pk, "command": command.pk, "event": Event.objects.get(kind="job.queue", job=job).pk, "opened": opened.pk}


def text_of(client: Client, address: str, numbers: dict[str, int]) -> str:
    response = client.get(address.format(**numbers))
    assert response.status_code == 200, address
    return b"".join(response.streaming_content if response.streaming else [response.content]).decode()  # type: ignore[attr-defined,arg-type]


@pytest.mark.parametrize("address", PAGES)
def test_arguments_are_for_who_may_execute_there(address: str, numbers: dict[str, int]) -> None:
    shown = text_of(signed_in(rows.limited("runs", "web", "execute")), address, numbers)
    assert "set-pin" in shown or "done" in shown
    hidden = text_of(signed_in(rows.limited("looks", "web")), address, numbers)
    assert ARGUMENT not in hidden
    if "set-pin" in shown:
        assert ARGUMENT in shown
        assert MASK in hidden


@pytest.mark.parametrize("address", TRAIL)
def test_arguments_in_the_trail_are_for_who_may_execute_there(address: str, numbers: dict[str, int]) -> None:
    reader = rows.limited("reader", "*", "audit")
    assert ARGUMENT not in text_of(signed_in(reader), address, numbers)
    Grant.objects.create(user=reader, right="execute", pattern="web")
    assert ARGUMENT in text_of(signed_in(User.objects.get(pk=reader.pk)), address, numbers) or address == "/audit/"


@pytest.mark.parametrize(
    ("right", "pattern", "is_shown"),
    [("edit", "web", True), ("terminal", "web", True), ("execute", "other-*", False), ("operate", "web", False)],
)
def test_the_right_has_to_be_one_on_that_container(right: str, pattern: str, is_shown: bool, numbers: dict[str, int]) -> None:
    person = rows.limited("somebody", "web")
    Grant.objects.create(user=person, right=right, pattern=pattern)
    assert (ARGUMENT in text_of(signed_in(person), "/jobs/{job}/", numbers)) is is_shown


def test_what_is_stored_and_its_digest_stay(numbers: dict[str, int]) -> None:
    assert Job.objects.get(pk=numbers["job"]).inputs == {"command": ["set-pin", ARGUMENT]}
    assert Event.objects.get(pk=numbers["event"]).data["inputs"] == {"command": ["set-pin", ARGUMENT]}


def test_live_events_bring_arguments_to_who_may_execute_everywhere(numbers: dict[str, int]) -> None:
    event = LiveEvent("command", {"job": numbers["job"], "argv": ARGV})

    def argv(person: User) -> Any:
        seen = asyncio.run(Window(sight.of(person)).of(event))
        return seen and seen.data["argv"]

    assert argv(rows.limited("looks", "*")) == ["lxc-attach", "-n", "web", "--", "set-pin", MASK]
    assert argv(rows.limited("runs", "*", "execute", "edit")) == ARGV
