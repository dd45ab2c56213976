"""Images built from recipes, in real containers: what comes of it, and that nothing is left of what fails."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from containers.choices import Cancel, JobState
from containers.domain.layout import Layout
from containers.errors import Conflict, InvalidRequest
from containers.host import build_layer, copying, directories, imports, layers, resolver, room
from containers.host.locks import Locks
from containers.jobs import reaper
from containers.jobs.cancel import CancelWatch
from containers.jobs.handlers import actions, builds
from containers.jobs.journal import Journal
from containers.jobs.messages import StepStarted
from containers.jobs.runner import run_job
from containers.models import Container, Image, Job, Layer, Recipe, RecipeFile
from containers.services import containers, jobs, recipes, transfer
from containers.services.recipes import FileContent
from tests.jobs.conftest import LAYER, SYSTEM, Panel, steps
from tests.support import lxc
from tests.support.debian import base_archive

pytestmark = pytest.mark.lxc

ROOT = settings.IDMAP_BASE


class Kitchen:
    """Recipes that are built at once."""

    def __init__(self, panel: Panel, layout: Layout) -> None:
        self.panel = panel
        self.layout = layout

    def ask(
        self, text: str, *, name: str = "shop", version: str = "latest", base: str = LAYER, force: bool = False, **files: str
    ) -> Job:
        recipe = recipes.save(SYSTEM, name, f"FROM {base}\n{text}")
        recipes.put_files(SYSTEM, recipe, {path: FileContent(content.encode()) for path, content in files.items()})
        return recipes.request_build(SYSTEM, recipe, version, force=force)

    def build(self, text: str, **more: Any) -> Job:
        return self.panel.run(self.ask(text, **more))

    def built(self, text: str, **more: Any) -> Path:
        """The directory of the layer that a build made."""
        job = self.build(text, **more)
        assert (job.state, job.error) == (JobState.SUCCEEDED, "")
        image = Image.objects.get(name=more.get("name", "shop"), version=more.get("version", "latest"))
        return self.layout.layer(image.image_layers.order_by("position").last().layer.name)  # type: ignore[union-attr]

    def tree(self, directory: Path) -> dict[str, str]:
        """What is in a layer: {path: content}, directories with a slash at the end."""
        found = {}
        for path in sorted(directory.rglob("*")):
            name = str(path.relative_to(directory))
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                found[f"{name}/"] = ""
            elif stat.S_ISREG(mode):
                found[name] = path.read_text(errors="replace")
            else:
                found[name] = f"→ {path.readlink()}" if stat.S_ISLNK(mode) else "whiteout"
        return found

    def leftovers(self) -> list[str]:
        """All that a build which failed, or was lost, must not have left."""
        rows = [f"container {name}" for name in Container.objects.values_list("name", flat=True)]
        rows += [f"layer {name}" for name in Layer.objects.exclude(name=LAYER).values_list("name", flat=True)]
        rows += [f"image {image}" for image in Image.objects.all()]
        found = [path.name for path in Path(self.layout.layers).iterdir() if path.name != LAYER]
        return [*rows, *found, *lxc.leftovers(self.layout)]


@pytest.fixture
def kitchen(panel: Panel, layout: Layout) -> Iterator[Kitchen]:
    kitchen = Kitchen(panel, layout)
    yield kitchen
    for path in Path(layout.layers).iterdir():
        if path.name != LAYER:
            layers.remove(layout, lxc.runner(), path.name) if not path.name.startswith(".") else None


def test_a_recipe_becomes_one_layer_and_an_image(kitchen: Kitchen) -> None:
    layer = kitchen.built(
        """
ENV GREETING='hello there'
WORKDIR /srv/shop
RUN echo "$GREETING from $(pwd) as $(id -u), home $HOME" > said && mkdir -p /opt/x
COPY index.html conf ./
COPY index.html /opt/x
COPY <<'EOF' /opt/x/inline.txt
as it is: $HOME
EOF
USER nobody
RUN id -u > /tmp/uid; id -g > /tmp/gid
CMD /bin/sleep 1000
READY test -e /srv/shop/said
HALT SIGKILL
""",
        **{"index.html": "<p>", "conf/a.conf": "a=1"},
    )
    image = Image.objects.with_layers().get()
    assert (image.name, image.version) == ("shop", "latest")
    assert [use.layer.name for use in image.image_layers.all()] == [LAYER, "shop-latest"]
    assert image.defaults == {
        "env": {"GREETING": "hello there"},
        "uid": "65534",
        "gid": "65534",
        "cmd": "/bin/sleep 1000",
        "cwd": "/srv/shop",
        "ready": "test -e /srv/shop/said",
        "halt": "SIGKILL",
    }
    tree = kitchen.tree(layer)
    assert tree["srv/shop/said"] == "hello there from /srv/shop as 0, home /root\n"
    assert tree["srv/shop/index.html"] == tree["opt/x/index.html"] == "<p>"
    assert tree["srv/shop/a.conf"] == "a=1"
    assert tree["opt/x/inline.txt"] == "as it is: $HOME\n"
    assert (tree["tmp/uid"], tree["tmp/gid"]) == ("65534\n", "65534\n")
    assert not any(name.startswith("etc") for name in tree)
    row = Layer.objects.get(name="shop-latest")
    assert (row.is_available, row.source, len(row.digest), row.build_key) == (True, "build", 64, row.build_key)
    assert row.size_bytes
    status = (layer / "srv/shop/index.html").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (ROOT, ROOT, 0o644)
    assert Container.objects.count() == 0
    assert lxc.leftovers(kitchen.layout) == []


def test_what_was_built_from_the_same_is_recognised_unless_forced(kitchen: Kitchen) -> None:
    kitchen.built("RUN touch /made")
    again = kitchen.build("# the same\nRUN   touch /made\nREADY true\n", version="2")
    assert steps(again) == [
        ("", "skip", "skipped"),
        ("", "build", "succeeded"),
    ]
    assert "layer shop-latest was built from the same already" in again.steps.get(number=1).note
    assert [layer.name for layer in Layer.objects.exclude(name=LAYER)] == ["shop-latest"]
    assert {str(image): image.defaults for image in Image.objects.all()} == {"shop:latest": {}, "shop:2": {"ready": "true"}}
    forced = kitchen.built("RUN touch /made", force=True)
    assert forced.name == "shop-latest-2"
    # The old one stays for the image that has it.
    assert {str(image): image.image_layers.last().layer.name for image in Image.objects.all()} == {  # type: ignore[union-attr]
        "shop:latest": "shop-latest-2",
        "shop:2": "shop-latest",
    }


def test_without_run_and_copy_there_is_an_image_and_no_layer(kitchen: Kitchen) -> None:
    job = kitchen.build("ENV A=1\nUSER nobody\nWORKDIR /nowhere\n")
    assert steps(job) == [("", "build", "succeeded")]
    (image,) = Image.objects.with_layers()
    assert [use.layer.name for use in image.image_layers.all()] == [LAYER]
    assert image.defaults == {"env": {"A": "1"}, "uid": "65534", "gid": "65534", "cwd": "/nowhere"}


def test_an_image_on_an_image(kitchen: Kitchen) -> None:
    kitchen.built("ENV A=1 B=1\nRUN echo 1 > /one\nUSER 5:6\nCMD /bin/a", name="first")
    layer = kitchen.built("ENV B=2\nRUN (cat /one; id -u; echo $A$B) > /tmp/two", name="second", base="first")
    assert kitchen.tree(layer)["tmp/two"] == "1\n5\n12\n"
    image = Image.objects.with_layers().get(name="second")
    assert [use.layer.name for use in image.image_layers.all()] == [LAYER, "first-latest", "second-latest"]
    assert image.defaults == {"env": {"A": "1", "B": "2"}, "uid": "5", "gid": "6", "cmd": "/bin/a"}


def test_what_is_removed_and_replaced_is_in_the_layer(kitchen: Kitchen) -> None:
    layer = kitchen.built("RUN rm /etc/inittab && echo x >> /etc/passwd && rm -r /srv && mkdir /srv")
    tree = kitchen.tree(layer)
    assert tree["etc/inittab"] == "whiteout"
    assert tree["etc/passwd"].endswith("x\n")
    assert os.getxattr(layer / "srv", "trusted.overlay.opaque") == b"y"


def test_a_script_has_its_own_interpreter(kitchen: Kitchen) -> None:
    layer = kitchen.built('RUN <<\'EOF\'\n#!/usr/bin/awk -f\nBEGIN { print "awk" > "/said" }\nEOF\n')
    assert kitchen.tree(layer)["said"] == "awk\n"


def test_a_line_that_fails_fails_the_build_and_leaves_nothing_but_its_log(kitchen: Kitchen) -> None:
    job = kitchen.build("RUN echo begun\nRUN echo about to fail; ls /nowhere\nRUN echo never")
    assert job.state == JobState.FAILED
    assert job.reason.startswith("line 3: sh failed with exit code 1: ls: /nowhere: No such file")
    name = f"build-shop-{job.pk}"
    assert steps(job)[:4] == [
        (name, "start", "succeeded"),
        (name, "build", "succeeded"),
        (name, "build", "failed"),
        (name, "destroy", "succeeded"),
    ]
    assert {state for *_, state in steps(job)[4:]} == {"skipped"}
    failed = job.steps.get(number=3)
    assert failed.reason == "line 3: RUN echo about to fail; ls /nowhere"
    assert "about to fail\n" in failed.commands.last().output  # type: ignore[union-attr]
    assert [row.name for row in job.containers.all()] == [name]
    assert kitchen.leftovers() == []


def test_a_user_that_the_image_does_not_have_fails_the_build(kitchen: Kitchen) -> None:
    job = kitchen.build("RUN true\nUSER somebody")
    assert (job.state, job.reason) == (JobState.FAILED, "there is no user somebody in the container")
    assert kitchen.leftovers() == []
    assert kitchen.build("USER somebody").reason == "there is no user somebody in the container"


def test_a_user_that_the_recipe_makes_can_be_named(kitchen: Kitchen) -> None:
    kitchen.built("RUN echo 'shop:x:70:71::/:/bin/sh' >> /etc/passwd\nUSER shop\nRUN id -u > /tmp/id")
    assert Image.objects.get().defaults == {"uid": "70", "gid": "71"}


def test_a_cancel_ends_a_line_that_hangs_and_clears_up(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    at_begin_of(monkeypatch, "line 2", lambda job: Job.objects.filter(pk=job.pk).update(cancel=Cancel.NOW))
    job = kitchen.build("RUN sleep 1000\nRUN true")
    assert job.state == JobState.CANCELLED
    assert [state for _, _, state in steps(job)].count("cancelled") == 5
    assert job.steps.last().state == "succeeded"  # type: ignore[union-attr]
    assert kitchen.leftovers() == []


def at_begin_of(monkeypatch: pytest.MonkeyPatch, reason: str, do: Any) -> None:
    """Have the job's main thread do something when a step begins."""
    record = Journal.record

    def recorded(self: Journal, batch: Any) -> None:
        record(self, batch)
        for message in batch:
            if isinstance(message, StepStarted) and self.step(message.step).reason.startswith(reason):
                do(self.job)

    monkeypatch.setattr(Journal, "record", recorded)


class Killed(BaseException):
    """The process is gone: nothing in it is done any more."""


STAGES = {
    "before the layer's directory": (build_layer, "prepare", False),
    "after the layer's directory": (build_layer, "prepare", True),
    "after the start": (actions, "start", True),
    "in a line": (copying, "make_directory", True),
    "after the stop": (actions, "stop", True),
    "after the last look": (build_layer, "finish", True),
    "after the measuring": (layers, "measure", True),
    "before the container goes": (actions, "destroy", False),
    "after the container is gone": (actions, "destroy", True),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_is_killed_leaves_nothing_half_made(kitchen: Kitchen, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, after = STAGES[stage]
    job = kitchen.ask("WORKDIR /made\nRUN touch /made/it")
    with monkeypatch.context() as patch:
        die_at(patch, module, name, after=after)
        with pytest.raises(Killed):
            run_job(job.pk)
    reaper.reap(kitchen.panel.host)
    job.refresh_from_db()
    assert job.state == JobState.LOST
    clear_up(kitchen)
    assert Container.objects.count() == 0
    if "container" in stage:
        # The image was there already.
        assert [str(image) for image in Image.objects.all()] == ["shop:latest"]
        assert Layer.objects.get(name="shop-latest").is_available
        assert lxc.leftovers(kitchen.layout) == []
    else:
        assert kitchen.leftovers() == []
    assert kitchen.built("WORKDIR /made\nRUN touch /made/it").name == "shop-latest"


def die_at(patch: pytest.MonkeyPatch, module: Any, name: str, *, after: bool) -> None:
    """Have the process do nothing more before or after it has called a function: its threads stop where they are."""
    original = getattr(module, name)
    is_dead, may_end = threading.Event(), threading.Event()

    def die(*args: Any, **named: Any) -> None:
        if after:
            original(*args, **named)
        is_dead.set()
        may_end.wait()
        raise Killed

    def poll(self: CancelWatch) -> None:
        if is_dead.is_set():
            may_end.set()
            raise Killed

    patch.setattr(module, name, die)
    patch.setattr(CancelWatch, "poll", poll)


def clear_up(kitchen: Kitchen) -> None:
    """Do what monitor and workers do after a while."""
    for _ in range(3):
        reaper.clear_builds(kitchen.panel.host)
        for job in Job.objects.filter(state=JobState.QUEUED).order_by("pk"):
            assert kitchen.panel.run(job).state == JobState.SUCCEEDED, job.error


def test_a_removal_that_does_not_succeed_is_not_asked_for_again_at_once(kitchen: Kitchen, make_job: Any) -> None:
    job = make_job("image-build", "shop:latest")
    container = kitchen.panel.add("build-shop")
    Container.objects.filter(pk=container.pk).update(build_job=job, protected=True)
    reaper.clear_builds(kitchen.panel.host)
    assert not Job.objects.filter(operation="destroy").exists()
    Job.objects.filter(pk=job.pk).update(state=JobState.LOST)
    for _ in range(2):
        reaper.clear_builds(kitchen.panel.host)
    (removal,) = Job.objects.filter(operation="destroy")
    assert kitchen.panel.run(removal).state == JobState.FAILED
    reaper.clear_builds(kitchen.panel.host)
    assert Job.objects.filter(operation="destroy").count() == 1
    Job.objects.filter(pk=removal.pk).update(created_at=timezone.now() - timedelta(seconds=reaper.RETRY_S + 1))
    Container.objects.filter(pk=container.pk).update(protected=False)
    clear_up(kitchen)
    assert Container.objects.count() == 0


def test_links_in_the_image_lead_nowhere_but_into_the_image(kitchen: Kitchen, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == "root" and str(path).startswith(str(settings.DATA_DIR.parent)):
            path.chmod(0o755)
    outside.chmod(0o777)
    (outside / "file").write_text("mine")
    (outside / "file").chmod(0o666)
    layer = kitchen.built(
        f"""
RUN ln -s {outside} /to-directory && ln -s {outside}/file /to-file && ln -s ../../../../../../../..{outside} /up
RUN mkdir -p {outside}
COPY page /to-directory/
COPY page /to-directory/new/page
COPY page /to-file
COPY page /up/
WORKDIR /to-directory/made
""",
        page="hello",
    )
    assert sorted(path.name for path in outside.iterdir()) == ["file"]
    assert (outside / "file").read_text() == "mine"
    inside = kitchen.tree(layer)
    below = str(outside).removeprefix("/")
    assert inside[f"{below}/page"] == inside[f"{below}/new/page"] == inside["to-file"] == "hello"
    assert f"{below}/made/" in inside


def test_an_etc_that_became_a_link_is_not_followed(kitchen: Kitchen, tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text(resolver.text())
    (tmp_path / "hosts").write_text("")
    layer = kitchen.built(f"RUN umount /etc/hosts; rm -rf /etc; ln -s {tmp_path} /etc")
    assert (layer / "etc").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hosts", "resolv.conf"]


def test_names_are_resolved_as_on_the_host_while_it_is_built(kitchen: Kitchen) -> None:
    layer = kitchen.built("RUN cat /etc/resolv.conf > /seen")
    assert kitchen.tree(layer) == {"seen": resolver.text()}
    assert "nameserver" in resolver.text()


def test_name_servers_that_the_recipe_sets_stay(kitchen: Kitchen) -> None:
    layer = kitchen.built("RUN echo nameserver 192.0.2.1 > /etc/resolv.conf")
    assert kitchen.tree(layer) == {"etc/": "", "etc/resolv.conf": "nameserver 192.0.2.1\n"}
    above = kitchen.built("RUN cat /etc/resolv.conf > /seen", name="above", base="shop")
    assert kitchen.tree(above) == {"seen": resolver.text()}


def test_a_parent_whose_resolv_conf_is_a_link_keeps_it(kitchen: Kitchen) -> None:
    layer = kitchen.built("RUN ln -sf ../run/stub.conf /etc/resolv.conf && chmod 700 /etc")
    assert kitchen.tree(layer)["etc/resolv.conf"] == "→ ../run/stub.conf"
    above = kitchen.built("RUN cat /etc/resolv.conf > /seen && touch /etc/new", name="above", base="shop")
    assert kitchen.tree(above) == {"seen": resolver.text(), "etc/": "", "etc/new": ""}
    assert (above / "etc").stat().st_mode & 0o777 == 0o700


def test_what_a_line_leaves_running_is_ended_before_the_next(kitchen: Kitchen) -> None:
    layer = kitchen.built(
        """
RUN <<EOF
(trap 'echo ended >> /log; exit' TERM; touch /up; while :; do sleep 0.05 || :; done) > /dev/null 2>&1 &
until test -e /up; do sleep 0.05; done
EOF
RUN echo next >> /log
"""
    )
    assert kitchen.tree(layer)["log"] == "ended\nnext\n"


def test_a_file_that_changed_since_the_build_was_asked_for_is_not_copied(kitchen: Kitchen) -> None:
    job = kitchen.ask("COPY page /page", page="one")
    recipes.put_files(SYSTEM, Recipe.objects.get(), {"page": FileContent(b"two")})
    ended = kitchen.panel.run(job)
    assert (ended.state, ended.reason) == (
        JobState.FAILED,
        "page changed since the build was asked for. Build the recipe as it is now.",
    )
    RecipeFile.objects.update(digest=hashlib.sha256(b"one").hexdigest())
    assert kitchen.panel.run(jobs.retry(SYSTEM, ended)).state == JobState.FAILED
    assert kitchen.leftovers() == []


def test_two_builds_of_one_image_at_once_build_it_once(kitchen: Kitchen) -> None:
    first, second = kitchen.ask("RUN touch /x"), kitchen.ask("RUN touch /x")
    with Locks(settings.RUN_DIR).try_acquire(["image:shop"], f"job {first.pk}"):
        assert kitchen.panel.run(second).state == JobState.WAITING
    assert second.reason == f"job {first.pk} is changing image:shop"
    assert [kitchen.panel.run(job).state for job in (first, second)] == [JobState.SUCCEEDED] * 2
    assert [state for *_, state in steps(second)] == ["skipped", "succeeded"]
    assert Layer.objects.exclude(name=LAYER).count() == 1


def test_the_container_is_there_for_its_job_alone(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def look(job: Job) -> None:
        row = Container.objects.get(build_job=job)
        seen["row"] = (row.name, row.state, row.description, row.build, row.last_job_id)
        seen["exported"] = transfer.export()["containers"]
        for name, act in {
            "update": lambda: containers.update_container(SYSTEM, row, {"protected": True}),
            "depend": lambda: kitchen.panel.add("web", depends=[row.name]),
        }.items():
            with pytest.raises((Conflict, InvalidRequest)) as caught:
                act()
            seen[name] = caught.value.brief

    at_begin_of(monkeypatch, "line 2", look)
    job = kitchen.build("RUN true")
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    name = f"build-shop-{job.pk}"
    assert seen == {
        "row": (name, "RUNNING", "Builds shop:latest", True, job.pk),
        "exported": {},
        "update": f"{name} is there for job {job.pk} alone and goes with it",
        "depend": f"definition.depends: there is no container {name}",
    }


def test_a_line_is_ended_before_the_disk_is_full(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    # More than there is: whatever is free is too little.
    monkeypatch.setattr(room, "KEPT_FREE_BYTES", 1 << 62)
    monkeypatch.setattr(room, "KEPT_FREE_PART", 1)
    job = kitchen.build("RUN echo begun; sleep 20")
    assert job.state == JobState.FAILED
    assert "the disk is too full" in job.reason
    assert "more must be free" in job.reason
    assert kitchen.leftovers() == []


def test_a_line_that_forks_without_end_meets_a_limit(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "MAX_PROCESSES", 20)
    job = kitchen.build("RUN i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i+1)); done; echo all of them")
    assert job.state == JobState.FAILED
    assert "fork" in job.error
    assert "all of them" not in job.error
    assert kitchen.leftovers() == []


def test_a_disk_that_fills_leaves_nothing(kitchen: Kitchen, settings: Any, tmp_path: Path) -> None:
    # Not below /tmp: the container's root must get there.
    data = settings.DATA_DIR.parent / "small"
    data.mkdir(mode=0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=711", "tmpfs", str(data)], check=True)
    try:
        settings.DATA_DIR = data
        small = Layout(data_dir=data, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)
        directories.ensure_layout(small, web_gid=0, idmap_base=ROOT)
        layers.make_busybox(small, lxc.runner(), LAYER, idmap_base=ROOT)
        job = kitchen.build("RUN dd if=/dev/zero of=/big bs=1M count=64")
        assert job.state == JobState.FAILED
        # Whichever is quicker: the line itself, or who watches the disk.
        assert "No space left on device" in job.reason or "the disk is too full" in job.reason
        assert [path.name for path in Path(small.layers).iterdir()] == [LAYER]
        assert (Container.objects.count(), Layer.objects.count(), Image.objects.count()) == (0, 1, 0)
        assert lxc.leftovers(small) == []
    finally:
        subprocess.run(["umount", str(data)], check=True)
        data.rmdir()


@pytest.mark.parametrize(
    ("targets", "inputs", "reason"),
    [
        (["../x"], {"recipe": "FROM base"}, "must not contain"),
        (["a:1", "b:1"], {"recipe": "FROM base"}, "expected one image"),
        (["a:1"], {"recipe": "FROM base\nRUM x"}, "line 2: RUM"),
        (["a:1"], {"recipe": "FROM nothing"}, "there is no image and no layer nothing"),
        (["a:1"], {"recipe": "FROM base\nCOPY x /y"}, "the recipe has no file x"),
        (["a:1"], {"recipe": "FROM base\nCOPY x /y", "files": {"x": "0" * 64}}, "x changed since"),
        (["a:1"], {"recipe": "FROM base", "files": {"../x": "0" * 64}}, "must be a relative path"),
        (["a:1"], {"recipe": "FROM base", "files": {"x": "y"}}, "is not a SHA-256"),
        (["a:1"], {}, "recipe: is required"),
    ],
)
def test_a_row_that_no_form_made_is_refused(
    kitchen: Kitchen, make_job: Any, targets: list[str], inputs: dict[str, Any], reason: str
) -> None:
    job = kitchen.panel.run(make_job("image-build", *targets, **inputs))
    assert (job.state, reason in job.reason) == (JobState.FAILED, True), job.reason
    assert kitchen.leftovers() == []


def test_debian_installs_packages_while_it_is_built(kitchen: Kitchen) -> None:
    with imports.Source(base_archive(), os.open(base_archive(), os.O_RDONLY), is_directory=False) as source:
        layers.import_source(kitchen.layout, lxc.runner(), source, "debian", idmap_base=ROOT, idmap_size=settings.IDMAP_SIZE)
    Layer.objects.create(host=kitchen.panel.host, name="debian", is_available=True)
    layer = kitchen.built(
        "RUN apt-get update && apt-get install --yes --no-install-recommends hello\nRUN hello > /said", base="debian"
    )
    assert kitchen.tree(layer)["said"] == "Hello, world!\n"
    assert (layer / "usr/bin/hello").stat().st_uid == ROOT
    assert not (layer / "etc/resolv.conf").exists()
