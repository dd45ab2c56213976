"""Images imported and pulled: all or nothing, layers that are there taken, no place for what is not verified."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError

from containers.choices import Cancel, JobState, LayerSource
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.jobs import reaper
from containers.jobs.cancel import CancelWatch
from containers.jobs.executor import Executor
from containers.jobs.handlers import image_files
from containers.models import Image as ImageRow
from containers.models import Job, Layer
from containers.services import image_imports, images, records
from tests.jobs.conftest import SYSTEM, Panel, steps
from tests.support import images as files
from tests.support import registry
from tests.support.images import Image
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.lxc, pytest.mark.django_db(transaction=True)]

LOWER = files.layer({"etc": None, "etc/one": "1"})
UPPER = files.layer({"etc/.wh.one": "", "etc/two": "2"})
WEB = Image([LOWER, UPPER], {"Env": ["A=b"], "Cmd": ["sleep", "7"]})


@pytest.fixture
def place(layout: Layout) -> Iterator[Callable[[], list[str]]]:
    """Return which directories of layers there are beside those from before; none of them may stay unfinished."""
    before = set(Path(layout.layers).iterdir())

    def look() -> list[str]:
        return sorted(path.name for path in set(Path(layout.layers).iterdir()) - before)

    yield look
    assert [name for name in look() if name.startswith(".")] == []
    for name in look():
        from containers.host import layers
        from tests.support import lxc

        layers.remove(layout, lxc.runner(), name)


@pytest.fixture
def here() -> Iterator[Path]:
    directory = Path(settings.IMPORT_DIRS[0])
    yield directory
    for path in directory.iterdir():
        path.unlink()


def write(here: Path, image: Image = WEB, name: str = "web.tar") -> str:
    return str(files.write_archive(here / name, image.members()))


def import_(panel: Panel, path: str, image: str = "web:1", **more: Any) -> Job:
    return panel.run(image_imports.request_import(SYSTEM, image, path=path, **more))


def stack(name: str, version: str) -> list[str]:
    row = ImageRow.objects.with_layers().get(name=name, version=version)
    return images.layer_names(row)


def test_an_imported_image_has_rows_layers_and_defaults(panel: Panel, place: Callable[[], list[str]], here: Path) -> None:
    job = import_(panel, write(here))

    assert (job.state, steps(job)) == (JobState.SUCCEEDED, [("", "import", "succeeded")]), job.error
    assert job.steps.get().note == "2 new layers"
    assert stack("web", "1") == place() == ["web-1", "web-1-2"]
    image = ImageRow.objects.get()
    assert (image.defaults, image.origin) == ({"env": {"A": "b"}, "cmd": "sleep 7", "halt": "SIGTERM"}, f"{here}/web.tar")
    lower = Layer.objects.get(name="web-1")
    assert (lower.digest, lower.source, lower.origin) == (files.hex_digest(LOWER), LayerSource.OCI, f"{here}/web.tar")
    assert (lower.is_available, lower.job) == (True, job)
    assert lower.size_bytes
    panel.add("web", layers=["base", *stack("web", "1")])


def test_layers_that_are_there_are_used_again(panel: Panel, place: Callable[[], list[str]], here: Path) -> None:
    import_(panel, write(here))
    job = import_(panel, write(here, Image([LOWER, files.layer({"new": "x"})])), "other:2")

    assert stack("other", "2") == ["web-1", "other-2"]
    assert job.steps.get().note == "1 new layer; there already: web-1"
    assert import_(panel, write(here), "same").steps.get().note == "0 new layers; there already: web-1, web-1-2"
    assert place() == ["other-2", "web-1", "web-1-2"]


def test_the_same_version_again_is_replaced(panel: Panel, place: Callable[[], list[str]], here: Path) -> None:
    import_(panel, write(here))
    import_(panel, write(here, Image([LOWER])))

    assert stack("web", "1") == ["web-1"]
    assert ImageRow.objects.count() == 1


def test_two_imports_of_the_same_at_once_make_one_set_of_layers(
    panel: Panel, place: Callable[[], list[str]], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one unpacks the same, and finds that the first was faster when it asks for names."""
    path = write(here)
    ask, receive = image_files.ImageFileHandler._ask_for_names, Executor._receive
    is_asking, may_ask = threading.Event(), threading.Event()
    others: list[Job] = []

    def ask_late(self: image_files.ImageFileHandler, *args: Any) -> Any:
        if not is_asking.is_set():
            is_asking.set()
            assert may_ask.wait(60)
        return ask(self, *args)

    def run_the_other(self: Executor, messages: Any) -> None:
        # By the thread that has the database: SQLite in memory lets two not write at once.
        if is_asking.is_set() and not others:
            others.append(image_imports.request_import(SYSTEM, "other:1", path=path))
            panel.run(others[0])
            may_ask.set()
        receive(self, messages)

    monkeypatch.setattr(image_files.ImageFileHandler, "_ask_for_names", ask_late)
    monkeypatch.setattr(Executor, "_receive", run_the_other)
    job = import_(panel, path)

    assert (job.state, others[0].state) == (JobState.SUCCEEDED, JobState.SUCCEEDED), job.error
    assert stack("web", "1") == stack("other", "1") == place() == ["other-1", "other-1-2"]


def test_jobs_on_the_same_image_wait_for_each_other(panel: Panel, here: Path) -> None:
    from containers.host.locks import Locks

    with Locks(settings.RUN_DIR).try_acquire(["image:web"], "job 418"):
        job = import_(panel, write(here))
    assert (job.state, job.reason) == (JobState.WAITING, "job 418 is changing image:web")


def broken(here: Path) -> str:
    image = Image([LOWER, UPPER])
    path = [path for path in image.members() if path.startswith("blobs")][1]
    return write(here, Image([LOWER, UPPER], spoiled={path: b"x"}))


def test_a_failed_import_leaves_nothing(panel: Panel, place: Callable[[], list[str]], here: Path) -> None:
    job = import_(panel, broken(here))

    assert job.state == JobState.FAILED
    assert "layer 2 of 2 is not what the manifest says" in job.reason
    assert (place(), Layer.objects.exclude(name="base").count(), ImageRow.objects.count()) == ([], 0, 0)


@pytest.mark.parametrize("fails", ["finish", "reserve"])
def test_a_database_that_fails_in_between_leaves_nothing(
    panel: Panel, place: Callable[[], list[str]], here: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail(*args: Any, **more: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(image_files.new_layers, fails, fail)
    monkeypatch.setattr(image_files, "_ANSWER_TIMEOUT_S", 0.1)
    job = import_(panel, write(here))
    monkeypatch.undo()

    assert job.state == JobState.FAILED
    assert (place(), Layer.objects.exclude(name="base").count(), ImageRow.objects.count()) == ([], 0, 0)


def test_a_layer_that_vanished_meanwhile_fails_the_import_and_takes_the_new_ones_along(
    panel: Panel, place: Callable[[], list[str]], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_(panel, write(here, Image([LOWER])))
    ImageRow.objects.all().delete()
    original = image_files.ImageFileHandler._publish

    def publish(self: image_files.ImageFileHandler, *args: Any) -> Any:
        names = original(self, *args)
        thread = threading.Thread(target=lambda: Layer.objects.filter(name="web-1").delete())
        thread.start()
        thread.join()
        return names

    monkeypatch.setattr(image_files.ImageFileHandler, "_publish", publish)
    job = import_(panel, write(here))

    assert (job.state, job.reason) == (JobState.FAILED, "there is no layer web-1")
    assert Layer.objects.exclude(name="base").count() == 0
    assert place() == ["web-1"]


def test_a_cancelled_import_leaves_nothing(
    panel: Panel, place: Callable[[], list[str]], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = image_imports.request_import(SYSTEM, "web:1", path=write(here))
    original = image_files.ImageImportHandler.act

    def act(self: image_files.ImageImportHandler, *args: Any) -> None:
        self.cancel.next = True
        self.cancel.now.set()
        original(self, *args)

    monkeypatch.setattr(image_files.ImageImportHandler, "act", act)
    panel.run(job)
    assert job.state == JobState.CANCELLED
    assert (place(), Layer.objects.exclude(name="base").count()) == ([], 0)


def test_what_a_lost_import_announced_is_removed(
    panel: Panel, place: Callable[[], list[str]], make_job: Any, layout: Layout
) -> None:
    lost = make_job("image-import", "web:1", path="/srv/x")
    Job.objects.filter(pk=lost.pk).update(state=JobState.RUNNING, via="web")
    for name in ("web-1", "web-1-2"):
        Layer.objects.create(host=panel.host, name=name, job=lost)
    layout.layer("web-1").mkdir()
    (layout.layers / ".unfinished-layer.0badcafe").mkdir()

    reaper.reap(panel.host)
    for job in Job.objects.filter(operation="layer-remove"):
        assert panel.run(job).state == JobState.SUCCEEDED

    assert (place(), Layer.objects.exclude(name="base").count()) == ([], 0)


def test_a_second_run_of_the_same_job_begins_anew(
    panel: Panel, place: Callable[[], list[str]], here: Path, layout: Layout
) -> None:
    job = image_imports.request_import(SYSTEM, "web:1", path=write(here))
    Layer.objects.create(host=panel.host, name="web-1", job=job)
    layout.layer("web-1").mkdir()

    assert panel.run(job).state == JobState.SUCCEEDED, job.error
    assert stack("web", "1") == ["web-1", "web-1-2"]


def test_an_upload_goes_with_its_job(panel: Panel, place: Callable[[], list[str]], layout: Layout) -> None:
    upload = layout.uploads / ("0a" * 16)
    files.write_archive(upload, WEB.docker_members())
    job = panel.run(image_imports.request_import(SYSTEM, "web:1", upload=upload.name))

    assert job.state == JobState.SUCCEEDED, job.error
    assert not upload.exists()
    assert ImageRow.objects.get().origin == "an uploaded file"


def test_remarks_stand_at_the_step(panel: Panel, place: Callable[[], list[str]], here: Path) -> None:
    job = import_(panel, write(here, Image([LOWER], {"WorkingDir": "srv", "User": "postgres"})))

    assert job.state == JobState.SUCCEEDED
    assert job.steps.get().note == (
        "1 new layer; uid: nobody is called 'postgres' in the image; cwd: left out, it must be an absolute path"
    )


@pytest.mark.parametrize(
    ("targets", "inputs", "reason"),
    [
        (["web:1", "x"], {"path": "/srv/x"}, "expected one image"),
        ([5], {"path": "/srv/x"}, "image: must"),
        (["../x"], {"path": "/srv/x"}, "image: must"),
        (["web"], {"path": "/etc/shadow"}, "is not below any directory"),
        (["web"], {}, "needs a path or an archive"),
        (["web"], {"path": "/srv/x", "pick": 5}, "pick: must be text"),
    ],
)
def test_a_hostile_row_is_refused(panel: Panel, make_job: Any, targets: Any, inputs: Any, reason: str) -> None:
    job = make_job("image-import", **inputs)
    Job.objects.filter(pk=job.pk).update(targets=targets)
    panel.run(job)
    assert job.state == JobState.FAILED
    assert reason in job.reason


def test_an_image_is_pulled_from_a_registry(panel: Panel, place: Callable[[], list[str]]) -> None:
    with registry.serving(WEB) as host:
        job = panel.run(image_imports.request_pull(SYSTEM, f"{host}/team/web:1.2"))

    assert job.state == JobState.SUCCEEDED, job.error
    assert stack("web", "1.2") == place() == ["web-1.2", "web-1.2-2"]
    assert ImageRow.objects.get().origin == f"{host}/team/web:1.2"
    programs = [command.argv[command.argv.index("--") + 1] for command in job.steps.get().commands.all() if "--" in command.argv]
    assert programs == ["skopeo"]


def test_a_registry_is_told_who_we_are_and_nobody_else_is(
    panel: Panel, place: Callable[[], list[str]], settings: Any, tmp_path: Path
) -> None:
    """The password stands in root's file alone: in no argument, no output, no row."""
    settings.REGISTRY_AUTH_FILE = tmp_path / "registries.json"
    login = "team:open sesame"
    encoded = base64.b64encode(login.encode()).decode()
    with registry.serving(WEB, login=login) as host:
        job = panel.run(image_imports.request_pull(SYSTEM, f"{host}/web:1"))
        assert job.state == JobState.FAILED
        assert "authentication required" in job.reason or "unauthorized" in job.reason
        settings.REGISTRY_AUTH_FILE.write_text(json.dumps({"auths": {host: {"auth": encoded}, "other": {"auth": "b3RoZXI="}}}))
        settings.REGISTRY_AUTH_FILE.chmod(0o644)
        job = panel.run(image_imports.request_pull(SYSTEM, f"{host}/web:1"))
        assert "is not root's alone" in job.reason
        settings.REGISTRY_AUTH_FILE.chmod(0o600)
        job = panel.run(image_imports.request_pull(SYSTEM, f"{host}/web:1"))
    assert job.state == JobState.SUCCEEDED, job.error
    text = "".join(records.lines(job))
    assert "--src-authfile /mnt/auth.json" in text
    assert encoded not in text
    assert "sesame" not in text


def test_what_skopeo_says_is_the_reason(panel: Panel, place: Callable[[], list[str]]) -> None:
    job = panel.run(image_imports.request_pull(SYSTEM, "127.0.0.1:1/web:1"))

    assert job.state == JobState.FAILED
    assert "connection refused" in job.reason


def test_a_pull_that_hangs_is_ended(panel: Panel, place: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    watches: list[CancelWatch] = []
    original = image_files.ImagePullHandler.steps

    def steps_(self: image_files.ImagePullHandler) -> Any:
        watches.append(self.cancel)
        return original(self)

    monkeypatch.setattr(image_files.ImagePullHandler, "steps", steps_)
    with registry.serving(WEB, hold=hold) as host:
        job = image_imports.request_pull(SYSTEM, f"{host}/web:1")
        thread = threading.Thread(target=panel.run, args=(job,))
        thread.start()
        wait_until(lambda: [name for name in place() if name.startswith(".")], "it has begun")
        Job.objects.filter(pk=job.pk).update(cancel=Cancel.NOW)
        thread.join()
        hold.set()
    assert job.state == JobState.CANCELLED
    assert watches[0].now.is_set()
    assert (place(), ImageRow.objects.count()) == ([], 0)


def test_a_retry_of_a_pull_and_of_an_import_asks_for_the_same(panel: Panel, place: Callable[[], list[str]], here: Path) -> None:
    from containers.services import jobs

    pull = panel.run(image_imports.request_pull(SYSTEM, "127.0.0.1:1/web:1"))
    again = jobs.retry(SYSTEM, pull)
    assert (again.operation, again.targets, again.inputs) == (Operation.IMAGE_PULL, ["web:1"], {"reference": "127.0.0.1:1/web:1"})
    first = import_(panel, write(here))
    assert jobs.retry(SYSTEM, first).inputs == {"path": f"{here}/web.tar"}
