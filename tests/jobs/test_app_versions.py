"""What an installation is stays with it, and so does the way back, until it is given up."""

from __future__ import annotations

import os
import shutil

import pytest

from containers.choices import JobState
from containers.domain.states import Operation
from containers.errors import Conflict
from containers.models import Image, Installation, InstallationVersion, Job, Layer
from containers.services import app_images, app_requests, cleanup, images, installations, layers, spare_images, ways_back
from tests.jobs.shop import BROKEN, NEXT, NEXT_RECIPE, SMALL, SMALL_NEXT, SYSTEM, Disaster, Shop, is_struck, ok, run_with
from tests.support.apps import MANIFEST

pytestmark = pytest.mark.lxc

GOOD_BYE = MANIFEST.replace('run = ["true"]', 'run = ["/bin/sh", "-c", "echo 1.0 > /data/bye"]')
OTHER_QUESTION = """\
[[questions]]
name = "mood"
type = "text"
label = "Mood"
default = "good"
"""


def image(ref: str) -> Image:
    name, _, version = ref.partition(":")
    return Image.objects.with_layers().get(name=name, version=version)


def test_the_last_steps_are_those_of_what_is_installed(shop: Shop) -> None:
    shop.write(GOOD_BYE)
    shop.installed()
    shop.write(GOOD_BYE.replace('version = "1.0"', 'version = "2.0"').replace("echo 1.0 > /data/bye", "false"))
    ok(shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row())))
    assert shop.read("bye") == "1.0"
    assert list(shop.layout.apps.iterdir()) == []


def test_an_app_that_left_the_catalogue_is_changed_and_uninstalled(shop: Shop) -> None:
    shop.write(GOOD_BYE)
    shop.installed(text="x")
    shutil.rmtree(shop.catalog / "note")
    ok(shop.update(text="y"))
    assert (shop.row().version, shop.read("note")) == ("1.0", "y in blog with blog-db")
    ok(shop.panel.run(app_requests.request_uninstall(SYSTEM, shop.row())))
    assert shop.read("bye") == "1.0"


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda row: os.chown(row["copy"] / "app.toml", 12_345, 0), "does not belong to root alone"),
        (lambda row: (row["copy"] / "app.toml").write_text("manifest = 2"), "manifest"),
        (lambda row: Installation.objects.update(kept="../../../tmp"), "was not kept"),
        (lambda row: Installation.objects.update(kept="0" * 64), "is gone"),
        (lambda row: Installation.objects.update(version="9"), "and not note 9"),
    ],
)
def test_root_judges_the_copy_again(shop: Shop, forge: object, reason: str) -> None:
    row = shop.installed()
    job = app_requests.request_uninstall(SYSTEM, row)
    forge({"copy": shop.layout.kept_app("blog", row.kept)})  # type: ignore[operator]
    job = shop.panel.run(job)
    assert (job.state, reason in job.reason) == (JobState.FAILED, True), job.reason
    assert shop.panel.states() == {"blog-db": "RUNNING", "blog-web": "RUNNING"}


def test_an_update_says_which_questions_come_and_go(shop: Shop) -> None:
    shop.installed(text="mine")
    text = NEXT.replace('[[questions]]\nname = "text"\ntype = "text"\nlabel = "Text"\ndefault = "hello"\n', OTHER_QUESTION)
    shop.write(text.replace("{{ text }}", "{{ mood }}"), recipe=NEXT_RECIPE)
    found = app_requests.update_of(shop.row())
    assert [question.name for question in found.questions] == ["mood"]
    assert [question.name for question in found.gone] == ["text"]
    ok(shop.update())
    assert set(shop.row().answers) == {"mood", "port"}
    ok(shop.panel.run(app_requests.request_back(SYSTEM, shop.row())))
    assert shop.row().answers["text"] == "mine"
    assert [question.name for question in installations.app_of(shop.row()).manifest.questions] == ["text", "password", "port"]


def test_what_the_way_back_stands_on_is_in_use_until_it_is_given_up(shop: Shop) -> None:
    shop.write(SMALL)
    shop.installed()
    shop.write(SMALL_NEXT, recipe=NEXT_RECIPE)
    ok(shop.update())
    old = image("app-note-web:1.0")
    top = Layer.objects.get(name=images.layer_names(old)[-1])
    used = "used by the way back of blog to 1.0"
    with pytest.raises(Conflict, match=used):
        images.request_remove(SYSTEM, old)
    with pytest.raises(Conflict, match=f"{used}|image app-note-web:1.0"):
        layers.request_remove(SYSTEM, top)
    forged = Job.objects.create(host=shop.host, operation=Operation.IMAGE_REMOVE, targets=[str(old)], via="system")
    assert used in shop.panel.run(forged).reason
    old.delete()
    assert top.name not in [row.name for row in cleanup.find(SYSTEM).layers]
    ok(shop.panel.run(app_requests.request_forget(SYSTEM, shop.row())))
    assert sorted(path.name for path in shop.layout.volumes.iterdir()) == ["blog-data"]
    assert len(list((shop.layout.apps / "blog").iterdir())) == 1
    assert top.name in [row.name for row in cleanup.find(SYSTEM).layers]
    with pytest.raises(Conflict, match="no version to go back to"):
        app_requests.request_back(SYSTEM, shop.row())


def updated(shop: Shop) -> None:
    shop.write(SMALL)
    shop.installed()
    shop.write(SMALL_NEXT, recipe=NEXT_RECIPE)
    ok(shop.update())


def spare() -> list[str]:
    return [item.name for item in cleanup.find(SYSTEM).images]


def test_what_a_way_back_leaves_is_said_and_cleaned_up(shop: Shop) -> None:
    updated(shop)
    Layer.objects.filter(name="app-note-web-2.0").update(size_bytes=7)
    assert spare() == []
    assert [(str(image), size) for image, size in spare_images.left_by(shop.row())] == [("app-note-web:2.0", 7)]
    ok(shop.panel.run(app_requests.request_back(SYSTEM, shop.row())))
    assert spare() == ["app-note-web:2.0"]
    before = shop.state()
    job = shop.panel.run(cleanup.request_clean_up(SYSTEM, images=spare()))
    ok(job)
    assert [(step.action, step.reason) for step in job.steps.all()] == [("remove", "image app-note-web:2.0, 7 B")]
    assert (spare(), shop.panel.states()) == ([], {"blog-web": "RUNNING"})
    after = shop.state()
    assert after["images"] == ["app-note-web:1.0"]
    assert after["layers on the disk"] == ["app-note-web-1.0", "base"]
    assert {key: after[key] for key in after if "layers" not in key and key != "images"} == {
        key: before[key] for key in before if "layers" not in key and key != "images"
    }
    # It is made again where it is needed.
    ok(shop.update())
    assert shop.read("updated").endswith("2.0")


def test_no_clean_up_takes_what_is_in_use_or_somebodys_own(shop: Shop) -> None:
    updated(shop)
    own = Image.objects.create(host=shop.host, name="own", version="1")
    own.image_layers.create(layer=Layer.objects.get(name="app-note-web-1.0"), position=0)
    before = shop.state()
    refs = {"app-note-web:1.0": "used by the way back of blog to 1.0", "app-note-web:2.0": "used by blog-web"}
    job = shop.panel.run(cleanup.request_clean_up(SYSTEM, images=list(refs)))
    ok(job)
    assert [step.reason for step in job.steps.all()] == [f"image {ref} stays: {why}" for ref, why in refs.items()]
    assert shop.state() == before
    Layer.objects.filter(name="app-note-web-1.0").update(job=None)
    ok(shop.panel.run(app_requests.request_forget(SYSTEM, shop.row())))
    assert spare() == []
    job = shop.panel.run(cleanup.request_clean_up(SYSTEM, images=["own:1"]))
    assert [step.reason for step in job.steps.all()] == ["image own:1 stays: it is somebody's own, or a job is making it"]


def test_an_image_whose_removal_was_lost_half_way_is_removed_by_the_next_look(shop: Shop) -> None:
    updated(shop)
    ok(shop.panel.run(app_requests.request_back(SYSTEM, shop.row())))
    job = cleanup.request_clean_up(SYSTEM, images=spare())
    # The rows were gone when it was killed.
    image("app-note-web:2.0").delete()
    Layer.objects.filter(name="app-note-web-2.0").delete()
    ok(shop.panel.run(job))
    assert shop.made()["layers on the disk"] == ["app-note-web-1.0", "base"]


def test_a_failed_update_leaves_nothing_new(shop: Shop) -> None:
    shop.installed()
    before = shop.state()
    shop.write(BROKEN, recipe=NEXT_RECIPE)
    assert shop.update().state == JobState.FAILED
    assert shop.state() == before


def test_a_build_that_fails_takes_what_was_built_before_it(shop: Shop) -> None:
    shop.installed()
    before = shop.state()
    more = NEXT.replace("[containers.db]", '[images.zzz]\nrecipe = "bad.recipe"\n\n[containers.db]')
    shop.write(more, recipe=NEXT_RECIPE, **{"bad.recipe": "FROM base\nRUN false\n"})
    assert shop.update().state == JobState.FAILED
    assert shop.state() == before


def test_what_something_else_stands_on_by_then_stays(shop: Shop) -> None:
    """An image that somebody has made on what a failing update built keeps its layers."""
    shop.installed()
    job = app_requests.request_update(SYSTEM, shop.row(), {"text": "x"})
    built = Layer.objects.create(host=shop.host, name="built", job=job, source="build", is_available=True)
    above = Layer.objects.create(host=shop.host, name="above", is_available=True)
    other = Image.objects.create(host=shop.host, name="other", version="1")
    for position, layer in enumerate((built, above)):
        other.image_layers.create(layer=layer, position=position)
    assert app_images.withdraw(job) == []
    assert Image.objects.filter(pk=other.pk).exists()


@pytest.mark.parametrize("how", ["fails", "after"])
def test_giving_up_the_way_back_leaves_all_of_it_or_none(shop: Shop, disaster: Disaster, how: str) -> None:
    shop.write(SMALL)
    shop.installed()
    shop.write(SMALL_NEXT, recipe=NEXT_RECIPE)
    ok(shop.update())
    at, struck = 0, True
    while struck:
        at += 1
        struck = is_struck(run_with(shop, disaster, app_requests.request_forget(SYSTEM, shop.row()), at, how))
        row = shop.row()
        copies = [path.name for path in shop.layout.volumes.iterdir() if ".before-" in path.name]
        assert (at, row.state, copies, ways_back.find(row)) == (at, "installed", [], None)
        assert not InstallationVersion.objects.exists()
        if struck:
            ok(shop.update(text=f"again {at}"))
    assert at > 1
