"""The record of a job as text, and as a file that may be passed on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

import spocweb
from containers.choices import JobState, StepState
from containers.models import Command, Job, JobContainer, Line, Revision, Step
from containers.services import containers, records
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> Job:
    row = rows.container("web", env={"API_TOKEN": "first-value", "PORT": "3000"})
    containers.update_container(rows.ROOT, row, {"definition": {"layers": ["base"], "env": {"API_TOKEN": "second-value"}}})
    values: dict[str, Any] = {"reason": "exit 1", "error": "Traceback\n  second-value", "user_name": "ann", "via": "web"}
    job = Job.objects.create(
        host=rows.host(),
        operation="execute",
        targets=["web"],
        inputs={"command": ["sh", "-c", "echo first-value"]},
        state=JobState.FAILED,
        remote_address="192.0.2.7",
        revisions={"web": 1},
        **values,
    )
    JobContainer.objects.create(job=job, name="web")
    step = Step.objects.create(job=job, number=1, container="web", action="execute", state=StepState.FAILED, note="exit 1")
    argv = ["lxc-attach", "-n", "web", "--", "sh", "-c", "echo first-value"]
    command = Command.objects.create(step=step, number=1, argv=argv, started_at=timezone.now(), exit_code=1, duration_ms=7)
    for number, text in enumerate(("first-value", "PORT is 3000"), start=1):
        Line.objects.create(job=job, command=command, number=number, at=timezone.now(), text=text)
    return job


def test_the_record_has_everything(job: Job) -> None:
    text = "".join(records.lines(job))
    assert f"job {job.pk}: execute web\nstate: failed, exit 1\n" in text
    assert " by ann (web, 192.0.2.7)\n" in text
    assert "inputs: command: sh -c 'echo first-value'\nrevisions: web 1\n" in text
    assert "step 1: execute web: failed: exit 1\n# lxc-attach -n web -- sh -c 'echo first-value'\nfirst-value\n" in text
    assert "-> exit 1, 7 ms\n\nTraceback\n" in text


def test_the_support_file_has_facts_and_no_secret_of_any_revision_nor_a_person(job: Job) -> None:
    text = "".join(records.support(job))
    for secret in ("first-value", "second-value", "ann", "192.0.2.7"):
        assert not re.search(rf"\b{re.escape(secret)}\b", text), secret
    for fact in (f"spocweb: {spocweb.VERSION}", "database: ", "control groups: ", "web: STOPPED", "PORT is 3000", "exit 1, 7 ms"):
        assert fact in text, fact


def test_a_revision_in_which_somebody_left_nonsense_does_not_keep_the_file_away(job: Job) -> None:
    for data in ([], {"definition": 5}, {"definition": {"env": "x"}}, None):
        Revision.objects.filter(number=2).update(data=data if data is not None else "x")
        assert "".join(records.support(job))


def test_a_long_output_is_not_loaded_whole(job: Job, django_assert_num_queries: Any) -> None:
    command = Command.objects.get()
    Line.objects.bulk_create(
        Line(job=job, command=command, number=number, at=timezone.now(), text="x") for number in range(10, 5_010)
    )
    with django_assert_num_queries(3):
        assert sum(1 for _line in records.lines(job)) > 5_000


def test_the_version_is_the_packages() -> None:
    pyproject = Path(__file__).parent.parent.parent / "pyproject.toml"
    assert tomllib.loads(pyproject.read_text())["project"]["version"] == spocweb.VERSION
