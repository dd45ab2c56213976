"""Clean-up: what nothing uses goes, what got used meanwhile stays, and nothing else is touched."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from containers.choices import JobState, Via
from containers.domain.layout import Layout
from containers.host.locks import Locks
from containers.jobs import reaper
from containers.models import Job, Layer
from containers.services import cleanup
from containers.services.actor import Actor
from tests.jobs.conftest import LAYER, SYSTEM, Panel
from tests.support import lxc, rows
from tests.support.sessions import session_server

__all__ = ["session_server"]

pytestmark = [pytest.mark.lxc, pytest.mark.django_db(transaction=True)]

LEFT = (
    *("downloads/gone@1.x.part", "downloads/gone@1.x.validator", "downloads/alive@1.x.part", "downloads/77-0badcafe.part"),
    *("repository/.unfinished-0badcafe", "repository/.unfinished-alive"),
)
OLD, OTHER, NEW = "0" * 32, "1" * 32, "2" * 32


@pytest.fixture(autouse=True)
def place(layout: Layout, host_directories: Layout) -> Iterator[Path]:
    """Layers that nothing uses, one of an image, one that is being made; what killed jobs left; three uploads."""
    before = set(layout.layers.iterdir())
    for name in ("spare", "other", "of-image", "coming", ".unfinished-x.0badcafe", ".unfinished-alive.0badcafe"):
        (layout.layers / name / "dir").mkdir(parents=True)
        (layout.layers / name / "dir/file").write_text("x" * 10_000)
    for name in (OLD, OTHER, "tmpabc.upload.tar"):
        (layout.uploads / name).write_text("x" * 10_000)
        os.utime(layout.uploads / name, (1, 1))
    (layout.uploads / NEW).touch()
    for path in LEFT:
        (layout.data_dir / path).write_text("x" * 10_000)
    yield layout.layers
    for path in (layout.data_dir / path for path in LEFT):
        path.unlink(missing_ok=True)
    for path in {*layout.layers.iterdir(), *layout.uploads.iterdir()} - before:
        lxc.run("rm", "-rf", str(path))


@pytest.fixture
def stocked(panel: Panel) -> Panel:
    """The rows of all that."""
    for name in ("spare", "other"):
        rows.layer(name)
    Layer.objects.filter(name="spare").update(size_bytes=5000)
    rows.layer("coming", available=False)
    rows.image("shop:1", layers=("of-image",))
    panel.add("web")
    return panel


def wants(panel: Panel, upload: str) -> None:
    Job.objects.create(host=panel.host, operation="layer-import", targets=["x"], inputs={"upload": upload}, via=Via.WEB)


@contextmanager
def at_work(place: Path) -> Iterator[None]:
    """Somebody makes a layer, exports an image, and fetches another one."""
    names = (place / ".unfinished-alive.0badcafe", place.parent / "repository/.unfinished-alive")
    with ExitStack() as stack:
        for name in names:
            file = os.open(name, os.O_RDONLY)
            stack.callback(os.close, file)
            fcntl.flock(file, fcntl.LOCK_EX)
        stack.enter_context(Locks(settings.RUN_DIR).try_acquire(["image:alive"], "job 7"))
        yield


@pytest.mark.usefixtures("session_server")
def test_the_list_has_what_nothing_uses_and_what_it_frees(stocked: Panel, place: Path) -> None:
    wants(stocked, OTHER)
    with_account = Actor(rows.user("viewer", "view_container"), Via.WEB, None)
    with at_work(place):
        found = cleanup.find(with_account)
    assert [(item.name, item.size) for item in found.layers] == [("other", None), ("spare", 5000)]
    assert [item.name for item in found.uploads] == [OLD, "tmpabc.upload.tar"]
    assert found.leftovers is not None
    assert [item.name for item in found.leftovers] == [
        "layers/.unfinished-x.0badcafe",
        "repository/.unfinished-0badcafe",
        "downloads/gone@1.x.part",
        "downloads/gone@1.x.validator",
    ]
    assert found.size > 5000 + 3 * 10_000
    assert cleanup.find(SYSTEM).leftovers is None


def test_what_is_named_goes_and_nothing_else(stocked: Panel, place: Path, layout: Layout) -> None:
    before = {path.name for path in place.iterdir()}
    job = stocked.run(cleanup.request_clean_up(SYSTEM, layers=["spare"], uploads=[OLD], leftovers=True))
    assert job.state == JobState.SUCCEEDED, job.error
    gone = {"spare", ".unfinished-x.0badcafe", ".unfinished-alive.0badcafe"}
    assert {path.name for path in place.iterdir()} == before - gone
    assert {path.name for path in layout.uploads.iterdir()} == {OTHER, NEW, "tmpabc.upload.tar"}
    assert not Layer.objects.filter(name="spare").exists()
    assert Layer.objects.filter(name="other").exists()
    assert [step.reason for step in job.steps.all()][:2] == ["layer spare, 4.9 KiB", f"upload {OLD}"]


def test_what_somebody_works_on_stays(stocked: Panel, place: Path, layout: Layout) -> None:
    with at_work(place):
        job = stocked.run(cleanup.request_clean_up(SYSTEM, leftovers=True))
    assert job.state == JobState.SUCCEEDED, job.error
    assert job.steps.get().reason.startswith("4 leftovers of jobs that ended too early, ")
    assert (place / ".unfinished-alive.0badcafe").exists()
    # A small file that is read right now is young.
    assert {str(path.relative_to(layout.data_dir)) for path in layout.downloads.iterdir()} == {LEFT[2], LEFT[3]}
    assert [path.name for path in layout.repository.glob(".unfinished*")] == [".unfinished-alive"]


def test_what_got_used_meanwhile_stays_and_the_job_says_so(stocked: Panel, place: Path, layout: Layout) -> None:
    names = ["spare", "other", "of-image", "coming", LAYER, "gone"]
    job = cleanup.request_clean_up(SYSTEM, layers=names, uploads=[OTHER])
    stocked.add("new", layers=["spare"])
    wants(stocked, OTHER)
    job = stocked.run(job)
    assert job.state == JobState.SUCCEEDED
    assert [(step.state, step.reason) for step in job.steps.all()] == [
        ("skipped", "layer spare stays: used by new"),
        ("succeeded", "layer other"),
        ("skipped", "layer of-image stays: used by image shop:1"),
        ("skipped", "layer coming stays: a job makes it anew"),
        ("skipped", f"layer {LAYER} stays: used by web"),
        ("succeeded", "layer gone"),
        ("skipped", f"upload {OTHER} stays: a job needs it"),
    ]
    assert {"spare", "of-image", "coming", LAYER} <= {path.name for path in place.iterdir()}
    assert (layout.uploads / OTHER).exists()


def test_one_that_was_lost_half_way_is_done_by_the_next(stocked: Panel, make_job: Any, place: Path) -> None:
    lost = make_job("clean-up", layers=["spare"], leftovers=True)
    Layer.objects.filter(name="spare").delete()
    Job.objects.filter(pk=lost.pk).update(state=JobState.RUNNING, via="web")
    reaper.reap(stocked.host)
    again = Job.objects.get(operation="clean-up", via="system", state=JobState.QUEUED)
    assert stocked.run(again).state == JobState.SUCCEEDED
    assert not (place / "spare").exists()


@pytest.mark.parametrize(
    "inputs",
    [
        {"layers": ["../containers"]},
        {"layers": [".unfinished-x.0badcafe"]},
        {"layers": "spare"},
        {"uploads": ["../layers/spare"]},
        {"uploads": [".."]},
        {"uploads": ["a/b"]},
        {"leftovers": "yes"},
        {"paths": ["/etc"]},
    ],
)
def test_a_hostile_row_is_a_failed_job(panel: Panel, make_job: Any, layout: Layout, inputs: Any) -> None:
    before = sorted(Path(layout.data_dir).rglob("*"))
    job = panel.run(make_job("clean-up", **inputs))
    assert job.state == JobState.FAILED
    assert sorted(Path(layout.data_dir).rglob("*")) == before


def test_the_command_says_what_goes_and_has_it_done(stocked: Panel, place: Path, layout: Layout) -> None:
    output = StringIO()
    call_command("cleanup", "--dry-run", stdout=output)
    assert "layer spare: 4.9 KiB\n" in output.getvalue()
    assert "layer other: unknown size\n" in output.getvalue()
    assert "unfinished downloads/gone@1.x.part: 12 KiB\n" in output.getvalue()
    assert not Job.objects.filter(operation="clean-up").exists()
    call_command("cleanup", "--no-wait", stdout=output)
    job = Job.objects.get(operation="clean-up")
    assert job.inputs == {"layers": ["other", "spare"], "uploads": [OLD, OTHER, "tmpabc.upload.tar"], "leftovers": True}
    assert stocked.run(job).state == JobState.SUCCEEDED
    assert [path.name for path in layout.uploads.iterdir()] == [NEW]
