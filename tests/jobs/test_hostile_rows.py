"""Rows that somebody with the web process' rights has changed behind the services' back: refused by name, nothing more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from containers.choices import JobState
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.host.locks import Locks
from containers.jobs import reaper
from containers.jobs.runner import run_job
from containers.models import Container, Job
from tests.jobs.conftest import Panel, steps
from tests.support import lxc

pytestmark = pytest.mark.lxc

# SQLite keeps the first as a text, which Django hands on; the second is more digits than Python takes for a number.
NO_NUMBER = "abc"
UNREADABLE = f"[{'9' * 5000}]"


def set_column(model: type[Any], key: int, **values: object) -> None:
    """Write what no field would take."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = 1")
        for name, value in values.items():
            cursor.execute(f"UPDATE {model._meta.db_table} SET {name} = %s WHERE id = %s", [value, key])  # noqa: S608  names of ours
        cursor.execute("PRAGMA ignore_check_constraints = 0")


@pytest.mark.parametrize(
    ("operation", "inputs", "field"),
    [
        ("start", {"command": "id"}, "command"),
        ("start", {"command": {"a": "b"}}, "command"),
        ("start", {"env": {"LD_PRELOAD": "/x"}}, "env"),
        ("execute", {}, "command"),
        ("execute", {"command": ["echo", "x" * 200_000]}, "command"),
        ("execute", {"command": ["echo"] + ["x"] * 1000}, "command"),
        ("execute", {"command": ["id"], "uid": "4294967295"}, "uid"),
        ("execute", {"command": ["id"], "uid": {"a": 1}}, "uid"),
        ("destroy", {"volumes": ["../../etc"]}, "volumes"),
        ("stop", [1], "must be an object"),
        ("stop", None, "must be an object"),
        ("tidy", "x", "must be an object"),
        ("tidy", {"after": "x"}, "after"),
        ("network", 5, "must be an object"),
        ("demo", {}, "layer"),
        ("demo", {"layer": "nowhere"}, "layer"),
        ("layer-import", {"path": "/etc/a\0b"}, "path"),
        ("layer-import", {"upload": 5}, "upload"),
        ("layer-import", {"upload": ["a"]}, "upload"),
        ("layer-import", [], "must be an object"),
    ],
)
def test_inputs_are_judged_as_when_they_were_asked_for(
    panel: Panel, make_job: Any, operation: str, inputs: object, field: str
) -> None:
    panel.add("web")
    job = make_job(operation, "web")
    set_column(Job, job.pk, inputs=json.dumps(inputs))
    assert panel.run(job).state == JobState.FAILED, job.error
    assert field in job.reason
    assert panel.row("web").state == "STOPPED"


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("ready", "a\0b", "definition.ready"),
        ("cmd", "a\nb", "definition.cmd"),
        ("address", "10.0.0.1", "address"),
        ("address", "a\nlxc.hook.pre-start = /bin/id", "address"),
        ("revision", NO_NUMBER, "revision"),
        ("stop_timeout", NO_NUMBER, "timeouts.stop"),
    ],
)
def test_a_restart_looks_before_it_stops(panel: Panel, column: str, value: str, field: str) -> None:
    container = panel.add("db", ready="true")
    panel.add("web", depends=["db"])
    panel.do(Operation.START, "web")
    set_column(Container, container.pk, **{column: value})
    job = panel.do(Operation.RESTART, "db")
    assert (job.state, job.reason.startswith(f"db: {field}: ")) == (JobState.FAILED, True), job.error
    assert job.reason.isprintable()
    assert panel.states() == {"db": "RUNNING", "web": "RUNNING"}


@pytest.mark.parametrize(("column", "value"), [("stop_timeout", NO_NUMBER), ("cmd", "a\nb"), ("halt", "SIGFOO")])
def test_what_is_broken_can_be_stopped_and_destroyed(panel: Panel, layout: Layout, column: str, value: str) -> None:
    container = panel.add("web")
    panel.do(Operation.START, "web")
    set_column(Container, container.pk, **{column: value})
    assert panel.do(Operation.STOP, "web").state == JobState.SUCCEEDED
    assert panel.do(Operation.DESTROY, "web").state == JobState.SUCCEEDED
    assert lxc.names(layout) == []


def test_one_that_is_broken_keeps_no_other_from_starting(panel: Panel) -> None:
    panel.add("app", autostart=True)
    panel.add("db", autostart=True)
    panel.add("web", autostart=True, depends=["db"])
    Container.objects.filter(name="db").update(uid="99999")
    job = panel.do(Operation.AUTOSTART)
    assert (job.state, job.reason) == (JobState.FAILED, "db: definition.uid: must be a number from 0 to 65535, in digits")
    assert panel.states() == {"app": "RUNNING", "db": "STOPPED", "web": "STOPPED"}
    assert {step[0]: step[2] for step in steps(job)} == {"app": "succeeded", "db": "failed", "web": "skipped"}


@pytest.mark.parametrize("name", ["a\nlxc.hook.pre-start = /bin/id", "../../etc", "--version", "", "x" * 10_000])
def test_a_row_without_a_proper_name_stands_in_nobodys_way(panel: Panel, layout: Layout, name: str) -> None:
    panel.add("bad")
    panel.add("db")
    panel.add("web", depends=["db"])
    panel.add("needy", depends=["bad"])
    panel.do(Operation.START, "needy")
    Container.objects.filter(name="bad").update(name=name, address="0.0.0.0")  # noqa: S104
    for operation in (Operation.START, Operation.RESTART, Operation.STOP):
        assert panel.do(operation, "web").state == JobState.SUCCEEDED
    panel.add("new")
    assert [line.split("\t")[1] for line in Path(layout.hosts).read_text().splitlines()[2:]] == ["db", "needy", "new", "web"]
    assert panel.do(Operation.STOP, "needy").state == JobState.SUCCEEDED
    refused = panel.do(Operation.START, "needy")
    assert (refused.state, "does not exist" in refused.reason) == (JobState.FAILED, True)
    assert refused.reason.isprintable()


def test_a_protection_that_came_after_the_request_counts(panel: Panel, make_job: Any, layout: Layout) -> None:
    panel.add("web")
    job = make_job("destroy", "web")
    Container.objects.filter(name="web").update(protected=True)
    assert panel.run(job).state == JobState.FAILED
    assert lxc.names(layout) == ["web"]


@pytest.mark.parametrize(
    "values",
    [{"targets": UNREADABLE}, {"inputs": UNREADABLE}, {"targets": "[" * 995 + "]" * 995}, {"created_at": "2026-13-45 00:00:00"}],
)
def test_a_job_whose_row_cannot_be_read_fails(panel: Panel, make_job: Any, values: dict[str, str]) -> None:
    job = make_job("start", "web")
    set_column(Job, job.pk, **values)
    run_job(job.pk)
    state, reason = Job.objects.values_list("state", "reason").get(pk=job.pk)
    assert (state, reason.startswith("its row cannot be read: ")) == (JobState.FAILED, True)


def test_a_row_that_cannot_be_read_hides_no_lost_job(panel: Panel, make_job: Any) -> None:
    jobs = [make_job("stop"), make_job("layer-import"), make_job("start", "web"), make_job("start", "web")]
    Job.objects.update(state=JobState.RUNNING, started_at=timezone.now())
    set_column(Job, jobs[0].pk, targets=UNREADABLE)
    Job.objects.filter(pk=jobs[1].pk).update(targets={"a": 1})
    with Locks(settings.RUN_DIR).hold_job(jobs[3].pk):
        reaper.reap(panel.host)
    states = Job.objects.filter(pk__in=[job.pk for job in jobs]).order_by("pk").values_list("state", flat=True)
    assert list(states) == ["failed", "lost", "lost", "running"]
