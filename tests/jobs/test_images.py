"""Images removed with the layers that nothing else uses; what is used stays, and what was lost half-way goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from containers.choices import JobState
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.jobs import reaper
from containers.models import Image, Job, Layer
from containers.services import cleanup, containers, hosts, images, layers
from tests.jobs.conftest import LAYER, SYSTEM, Panel
from tests.support import rows

pytestmark = [pytest.mark.lxc, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def place(layout: Layout) -> Iterator[Callable[..., list[str]]]:
    """Makes directories of layers; returns which there are beside the base."""
    before = set(Path(layout.layers).iterdir())

    def make(*names: str) -> list[str]:
        for name in names:
            (Path(layout.layers) / name).mkdir()
            (Path(layout.layers) / name / "file").touch()
        return sorted(path.name for path in set(Path(layout.layers).iterdir()) - before)

    yield make
    assert make() == []


def remove(panel: Panel, image: str) -> Job:
    return panel.run(images.request_remove(SYSTEM, hosts.get_image(image, hosts.images().with_layers())))


def actions(job: Job) -> list[tuple[str, str, str]]:
    return [(step.action, step.reason, step.state) for step in job.steps.all()]


def test_an_image_goes_with_the_layers_that_nothing_else_uses(panel: Panel, place: Callable[..., list[str]]) -> None:
    place("pg", "shared", "extra")
    rows.image("pg:15", layers=(LAYER, "shared", "pg", "extra"))
    rows.image("other:1", layers=("shared",))
    panel.add("web")
    job = remove(panel, "pg")
    assert (job.state, place()) == (JobState.SUCCEEDED, ["shared"]), job.error
    assert set(Layer.objects.values_list("name", flat=True)) == {LAYER, "shared"}
    assert [str(image) for image in Image.objects.all()] == ["other:1"]
    assert actions(job) == [
        ("remove", "layer extra, of image pg:15", "succeeded"),
        ("remove", "layer pg, of image pg:15", "succeeded"),
        ("skip", f"layer {LAYER} stays: used by web", "skipped"),
        ("skip", "layer shared stays: used by image other:1", "skipped"),
    ]
    assert remove(panel, "other").state == JobState.SUCCEEDED


def test_what_a_container_began_to_use_meanwhile_stays(panel: Panel, place: Callable[..., list[str]]) -> None:
    rows.image("pg:15", layers=(LAYER,))
    job = images.request_remove(SYSTEM, hosts.get_image("pg", hosts.images().select_related("host").with_layers()))
    panel.add("web")
    job = panel.run(job)
    assert (job.state, job.reason) == (JobState.FAILED, "The image pg:15 is used by web")
    assert Image.objects.count() == 1


def test_a_removal_that_was_lost_half_way_is_done_by_the_next(
    panel: Panel, make_job: Any, place: Callable[..., list[str]]
) -> None:
    place("pg", "again")
    rows.layer("again", available=False)
    lost = make_job("image-remove", "pg:15", layers=["pg", "again", LAYER])
    Job.objects.filter(pk=lost.pk).update(state=JobState.RUNNING, via="web")
    rows.image("keeps:1", layers=(LAYER,))
    reaper.reap(panel.host)
    again = Job.objects.get(operation="image-remove", via="system")
    assert panel.run(again).state == JobState.SUCCEEDED
    # A job that makes it anew is still to come.
    assert (place(), Layer.objects.filter(name="again").exists()) == (["again"], True)
    Layer.objects.filter(name="again").update(is_available=True)
    assert panel.run(make_job("image-remove", "pg:15", layers=["again"])).state == JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("targets", "inputs"),
    [
        ([], {}),
        (["a:1", "b:1"], {}),
        (["../../etc:1"], {}),
        (["a:../b"], {}),
        ([5], {}),
        ("a:1", {}),
        (["a:1"], {"layers": ["../containers"]}),
        (["a:1"], {"layers": [".unfinished-x"]}),
        (["a:1"], {"layers": [""]}),
        (["a:1"], {"path": "/etc"}),
        (["a:1"], []),
    ],
)
def test_a_hostile_row_is_a_failed_job(panel: Panel, layout: Layout, make_job: Any, targets: Any, inputs: Any) -> None:
    before = sorted(Path(layout.data_dir).rglob("*"))
    job = make_job("image-remove")
    Job.objects.filter(pk=job.pk).update(targets=targets, inputs=inputs)
    assert panel.run(job).state == JobState.FAILED
    assert sorted(Path(layout.data_dir).rglob("*")) == before


@pytest.mark.parametrize(("targets", "inputs"), [(5, 5), ("x", "y"), ([["x"]], ["y"]), ({"a": 1}, [])])
def test_a_lost_job_with_a_hostile_row_is_lost_all_the_same(panel: Panel, make_job: Any, targets: Any, inputs: Any) -> None:
    job = make_job("image-remove")
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING, via="web", targets=targets, inputs=inputs)
    reaper.reap(panel.host)
    assert Job.objects.get(pk=job.pk).state == JobState.LOST


def test_layers_that_a_container_runs_on_stay_whatever_its_definition_says_now(
    panel: Panel, place: Callable[..., list[str]], layout: Layout
) -> None:
    place("extra")
    rows.layer("extra")
    (Path(layout.layers) / "extra/file").write_text("x")
    panel.add("web", layers=[LAYER, "extra"])
    panel.do(Operation.START, "web")
    rows.image("pg:15", layers=("extra",))
    containers.update_container(SYSTEM, panel.row("web"), {"definition": {"layers": [LAYER]}})
    job = remove(panel, "pg")
    assert job.state == JobState.SUCCEEDED
    assert actions(job) == [("skip", "layer extra stays: used by web", "skipped")]
    job = panel.run(layers.request_remove(SYSTEM, Layer.objects.get(name="extra")))
    assert (job.state, job.reason) == (JobState.FAILED, "layer extra is mounted by web")
    job = panel.run(cleanup.request_clean_up(SYSTEM, layers=["extra"]))
    assert actions(job) == [("skip", "layer extra stays: used by web", "skipped")]
    assert place() == ["extra"]
    panel.do(Operation.STOP, "web")
    assert panel.run(layers.request_remove(SYSTEM, Layer.objects.get(name="extra"))).state == JobState.SUCCEEDED
