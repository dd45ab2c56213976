"""Jobs that keep what a container has written, and that reset it: completed, failed, killed, run twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from containers.choices import JobState
from containers.domain.layout import Layout
from containers.domain.states import Operation, State
from containers.errors import Conflict, InvalidRequest
from containers.jobs import reaper
from containers.jobs.runner import run_job
from containers.models import Image, Job, Layer
from containers.services import jobs, layers
from tests.jobs.conftest import LAYER, SYSTEM, Panel, steps
from tests.support import lxc
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.lxc, pytest.mark.django_db(transaction=True)]

WRITES = {"cmd": "/bin/sh -c 'echo mine > /etc/mine; exec sleep 1000'"}


@pytest.fixture(autouse=True)
def place(layout: Layout) -> Iterator[Path]:
    """Where layers are; what a test made of them is removed."""
    before = set(layout.layers.iterdir())
    yield layout.layers
    for path in set(layout.layers.iterdir()) - before:
        lxc.run("rm", "-rf", str(path))


def running(panel: Panel, name: str = "web", **more: Any) -> Any:
    panel.add(name, **WRITES, **more)
    assert panel.do(Operation.START, name).state == JobState.SUCCEEDED
    return panel.row(name)


def test_what_a_running_container_wrote_becomes_a_layer(panel: Panel, place: Path) -> None:
    row = running(panel)
    job = panel.run(layers.request_commit(SYSTEM, row, "mine"))
    assert (job.state, steps(job)) == (JobState.SUCCEEDED, [("web", "keep", "succeeded")]), job.error
    assert job.steps.get().reason == "as layer mine, frozen while it is copied"
    layer = Layer.objects.get(name="mine")
    assert (layer.is_available, layer.source, layer.origin, len(layer.digest)) == (True, "commit", "web", 64)
    assert (place / "mine/etc/mine").read_text() == "mine\n"
    programs = [command.argv[0].rpartition("/")[2] for command in job.steps.get().commands.all()]
    assert [name for name in programs if name in ("lxc-freeze", "cp", "lxc-unfreeze")] == ["lxc-freeze", "cp", "lxc-unfreeze"]
    assert lxc.state(Layout(place.parent, place, place), "web") == "RUNNING"


def test_an_image_of_it_has_the_container_s_layers_and_definition(panel: Panel, place: Path) -> None:
    row = running(panel, env={"A": "1"}, ready="test -e /etc/mine")
    assert panel.run(layers.request_commit(SYSTEM, row, "mine", image="shop")).state == JobState.SUCCEEDED
    image = Image.objects.with_layers().get()
    assert (str(image), [use.layer.name for use in image.image_layers.all()]) == ("shop:latest", [LAYER, "mine"])
    assert image.defaults == {"env": {"A": "1"}, **WRITES, "ready": "test -e /etc/mine", "halt": "SIGKILL"}
    assert image.origin == "container web"


@pytest.mark.parametrize("state", ["stopped", "build", "gone"])
def test_where_there_is_nothing_to_keep_the_job_fails_and_leaves_nothing(panel: Panel, place: Path, state: str) -> None:
    row = running(panel)
    job = layers.request_commit(SYSTEM, row, "mine")
    panel.do(Operation.STOP, "web")
    if state == "build":
        panel.row("web").__class__.objects.update(build=True)
    if state == "gone":
        panel.do(Operation.DESTROY, "web")
    job = panel.run(job)
    assert job.state == JobState.FAILED
    assert not Layer.objects.filter(name="mine").exists()
    assert not (place / "mine").exists()


def test_asked_for_against_the_rows_it_is_refused_at_once(panel: Panel) -> None:
    row = panel.add("web", **WRITES)
    with pytest.raises(Conflict, match="web is stopped: its ephemeral layer is empty"):
        layers.request_commit(SYSTEM, row, "mine")
    row.state = "RUNNING"
    with pytest.raises(Conflict, match="There is a layer base already"):
        layers.request_commit(SYSTEM, row, LAYER)
    for name, image in (("../x", None), ("mine", "a:../b"), ("mine", "A:")):
        with pytest.raises(InvalidRequest):
            layers.request_commit(SYSTEM, row, name, image=image)
    row.build = True
    with pytest.raises(Conflict, match="writes into its topmost layer"):
        layers.request_commit(SYSTEM, row, "mine")
    assert not Layer.objects.filter(name="mine").exists()


@pytest.mark.parametrize(
    ("targets", "inputs"),
    [
        ([], {"layer": "mine"}),
        (["web", "db"], {"layer": "mine"}),
        (["../web"], {"layer": "mine"}),
        (["web"], {}),
        (["web"], {"layer": "../mine"}),
        (["web"], {"layer": "mine", "image": "../x"}),
        (["web"], {"layer": LAYER}),
        (["web"], {"layer": "never-announced"}),
        (["other"], {"layer": "mine"}),
        ("web", []),
    ],
)
def test_a_hostile_row_is_a_failed_job(panel: Panel, make_job: Any, place: Path, targets: Any, inputs: Any) -> None:
    running(panel)
    before = set(place.iterdir())
    job = make_job("layer-commit")
    Job.objects.filter(pk=job.pk).update(targets=targets, inputs=inputs)
    assert panel.run(job).state == JobState.FAILED
    assert set(place.iterdir()) == before
    assert Layer.objects.filter(name=LAYER, is_available=True).exists()


def test_a_job_that_is_killed_in_the_middle_leaves_no_layer_and_nothing_frozen(
    panel: Panel, place: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = running(panel)
    job = layers.request_commit(SYSTEM, row, "mine")
    # A copy that never ends, in a process that is killed.
    monkeypatch.setattr("containers.host.keeping._COPY", ("sh", "-c", "exec sleep 1000"))
    pid = os.fork()
    if pid == 0:
        try:
            run_job(job.pk)
        finally:
            os._exit(1)
    wait_until(lambda: lxc.state(layout, "web") == "FROZEN", "it is frozen")
    wait_until(lambda: sleepers(pid) != [], "it copies")
    copy = sleepers(pid)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for left in copy:
        os.kill(left, signal.SIGKILL)
    monkeypatch.undo()
    # The test's database is in memory: what the child wrote to it is gone with it.
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING)
    assert reaper.reap(panel.host) == [job]
    for tidy in Job.objects.filter(via="system", state=JobState.QUEUED).exclude(pk=job.pk).order_by("pk"):
        panel.run(tidy)
    assert lxc.state(layout, "web") == "RUNNING"
    assert panel.row("web").state == State.RUNNING
    assert [path.name for path in place.iterdir() if path.name != LAYER] == []
    assert not Layer.objects.filter(name="mine").exists()
    assert panel.run(jobs.retry(SYSTEM, Job.objects.get(pk=job.pk))).state == JobState.SUCCEEDED


def sleepers(parent: int) -> list[int]:
    output = lxc.run("ps", "-o", "pid=,args=", "--ppid", str(parent), check=False)
    return [int(line.split()[0]) for line in output.splitlines() if "sleep 1000" in line]


def test_reset_of_a_running_container_is_a_restart(panel: Panel, layout: Layout) -> None:
    running(panel)
    panel.add("needs", depends=["web"])
    panel.do(Operation.START, "needs")
    (layout.ephemeral("web") / "more").touch()
    job = panel.do(Operation.RESET, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    assert [step[:2] for step in steps(job)] == [("needs", "stop"), ("web", "stop"), ("web", "start"), ("needs", "start")]
    assert not (layout.ephemeral("web") / "more").exists()


def test_reset_of_a_mounted_container_mounts_it_anew(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    panel.do(Operation.MOUNT, "web")
    (layout.rootfs("web") / "more").touch()
    job = panel.do(Operation.RESET, "web")
    assert (job.state, steps(job)) == (JobState.SUCCEEDED, [("web", "unmount", "succeeded"), ("web", "mount", "succeeded")])
    assert not (layout.rootfs("web") / "more").exists()
    assert panel.row("web").is_mounted
    panel.do(Operation.UNMOUNT, "web")
    assert steps(panel.do(Operation.RESET, "web")) == [("web", "skip", "skipped")]


def test_a_build_container_cannot_be_reset(panel: Panel) -> None:
    panel.add("builder", build=True)
    with pytest.raises(Conflict, match="has no ephemeral layer"):
        panel.do(Operation.RESET, "builder")


def test_one_that_could_not_be_thawed_is_thawed_later(panel: Panel, layout: Layout) -> None:
    running(panel)
    lxc.run("lxc-freeze", "-P", str(layout.containers), "-n", "web")
    layout.thaw_mark("web").touch()
    layout.thaw_mark("stranger").touch()
    asked = Job.objects.filter(operation=Operation.TIDY)
    try:
        for _ in range(2):
            reaper.thaw_left(panel.host, layout)
        job = asked.get()
        assert panel.run(job).state == JobState.SUCCEEDED, job.error
        assert (lxc.state(layout, "web"), layout.thaw_mark("web").exists()) == ("RUNNING", False)
        layout.thaw_mark("web").touch()
        Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(seconds=reaper.RETRY_S + 1))
        waiting = layers.request_commit(SYSTEM, panel.row("web"), "mine")
        reaper.thaw_left(panel.host, layout)
        # A job that keeps it frozen right now does that itself.
        assert asked.count() == 1
        Job.objects.filter(pk=waiting.pk).update(state=JobState.CANCELLED)
        reaper.thaw_left(panel.host, layout)
        assert asked.count() == 2
    finally:
        for name in ("web", "stranger"):
            layout.thaw_mark(name).unlink(missing_ok=True)
