"""Jobs that cannot be worked on to their end, and what is found and made good afterwards."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError

from containers.choices import Cancel, JobState
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.host import monitors
from containers.jobs import reaper
from containers.jobs.handlers import actions
from containers.jobs.journal import Journal
from containers.jobs.monitor import Monitor
from containers.models import Container, Job, Layer
from tests.jobs.conftest import LAYER, Panel, steps
from tests.support import lxc
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

# Once it runs, the file decides: the first check succeeds, later ones hang.
HANGS_LATER = "test ! -e /tmp/hang || sleep 1000"


def test_checks_of_what_runs_already_are_made_side_by_side(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a", "b", "c"]
    for name in names:
        panel.add(name, ready="true")
    panel.add("top", depends=names)
    panel.do(Operation.START, *names)
    together = threading.Barrier(len(names), timeout=60)

    def is_ready(*args: object) -> bool:
        together.wait()
        return True

    monkeypatch.setattr(actions, "is_ready", is_ready)
    assert panel.do(Operation.START, "top").state == JobState.SUCCEEDED


def test_a_cancel_ends_the_checks_of_what_runs_already(panel: Panel, make_job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    panel.add("db", ready=HANGS_LATER)
    panel.add("top", depends=["db"])
    panel.do(Operation.START, "db")
    panel.do(Operation.EXECUTE, "db", command=["touch", "/tmp/hang"])
    # Longer than any test may take.
    monkeypatch.setattr(actions, "RECHECK_S", 1000)
    job = make_job("start", "top")
    Job.objects.filter(pk=job.pk).update(cancel=Cancel.NOW)
    assert panel.run(job).state == JobState.CANCELLED
    assert panel.states() == {"db": "RUNNING", "top": "STOPPED"}


def test_a_database_that_does_not_answer_fails_the_job_and_leaves_no_step_open(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.add("db")
    panel.add("web", depends=["db"])
    original = Journal.record

    def record(self: Journal, batch: list[object]) -> None:
        original(self, batch)  # type: ignore[arg-type]
        if any(type(message).__name__ == "Started" for message in batch):
            raise OperationalError("database is locked")

    monkeypatch.setattr(Journal, "record", record)
    job = panel.do(Operation.START, "web")
    monkeypatch.undo()
    assert (job.state, job.reason) == (JobState.FAILED, "the database did not answer: database is locked")
    assert {step[0]: step[2] for step in steps(job)} == {"db": "lost", "web": "cancelled"}
    assert panel.row("db").applied_revision is None
    tidy = Job.objects.get(operation="tidy")
    assert (panel.run(tidy).state, panel.states()) == (JobState.SUCCEEDED, {"db": "RUNNING", "web": "STOPPED"})
    assert panel.do(Operation.START, "web").state == JobState.SUCCEEDED


def test_a_container_whose_creation_was_lost_is_known_to_all_when_it_starts(panel: Panel, layout: Layout) -> None:
    container = panel.add("web")
    Container.objects.filter(pk=container.pk).update(is_created=False)
    Path(layout.hosts).write_text("")
    assert panel.do(Operation.START, "web").state == JobState.SUCCEEDED
    assert panel.row("web").is_created
    assert f"{container.address}\tweb" in Path(layout.hosts).read_text()


def test_what_is_destroyed_already_is_destroyed(panel: Panel, make_job: Any) -> None:
    panel.add("web")
    panel.add("db")
    jobs = [make_job("destroy", "web"), make_job("destroy", "web", "db"), make_job("destroy", "web")]
    assert [panel.run(job).state for job in jobs] == [JobState.SUCCEEDED] * 3
    assert [len(steps(job)) for job in jobs] == [1, 1, 0]
    assert panel.states() == {}


def test_the_end_of_a_container_whose_monitor_was_killed_is_noticed_and_tidied_up(panel: Panel, layout: Layout) -> None:
    container = panel.add("web")
    panel.do(Operation.START, "web")
    pid = monitors.find(layout, container.name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not lxc.command_socket(layout, "web"), "its monitor is gone")
    monitor = Monitor(panel.host)
    for _ in range(2):
        monitor._find_ended()
    assert panel.states() == {"web": "STOPPED"}
    assert lxc.mounts(layout, "web")
    tidy = Job.objects.get(operation="tidy")
    assert panel.run(tidy).state == JobState.SUCCEEDED
    assert lxc.mounts(layout, "web") == []


def test_the_monitor_survives_what_it_cannot_read(panel: Panel) -> None:
    monitor = Monitor(panel.host)
    stop = threading.Event()

    def fail() -> None:
        stop.set()
        raise ValueError(settings.HOST)

    monitor._attempt(fail)
    assert stop.is_set()


def test_a_removal_that_was_lost_half_way_is_done_by_the_next(panel: Panel, make_job: Any, layout: Layout) -> None:
    directory = Path(layout.layers) / "half"
    directory.mkdir()
    (directory / "file").touch()
    unfinished = Path(layout.layers) / ".unfinished-half.0badcafe"
    unfinished.mkdir()
    assert not Layer.objects.filter(name="half").exists()
    lost = make_job("layer-remove", "half")
    Job.objects.filter(pk=lost.pk).update(state=JobState.RUNNING, via="web")
    reaper.reap(panel.host)
    again = Job.objects.get(operation="layer-remove", via="system")
    assert (panel.run(again).state, directory.exists()) == (JobState.SUCCEEDED, False)
    assert not unfinished.exists()
    assert Layer.objects.filter(name=LAYER).exists()
