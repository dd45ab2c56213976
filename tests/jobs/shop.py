"""A catalogue of one small app, installed on real containers, and what can happen to its jobs on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings

from containers.catalog import apps
from containers.catalog.apps import App
from containers.choices import JobState, Via
from containers.domain.layout import Layout
from containers.errors import HostError
from containers.host import files, ports
from containers.jobs import executor, reaper
from containers.jobs.parts import Parts
from containers.jobs.runner import run_job
from containers.models import Container, Host, Image, Installation, Job, Layer
from containers.services import app_requests, app_rows, installations
from containers.services.actor import Actor
from tests.support import lxc
from tests.support.apps import MANIFEST, RECIPE, write

if TYPE_CHECKING:
    from tests.jobs.conftest import Panel

SYSTEM = Actor(None, Via.SYSTEM, None)
ROOT = settings.IDMAP_BASE
# The host's ports are there for all test processes: each has its own ten.
PORT = 21_000 + 10 * settings.SUBNET.network_address.packed[2]
NEXT = MANIFEST.replace('version = "1.0"', 'version = "2.0"').replace("1.0 >>", "2.0 >>")
NEXT_RECIPE = RECIPE.replace("1.0", "2.0")
BROKEN = NEXT.replace('"echo 2.0 >> /data/updated"', '"echo broken >> /data/updated; echo it does not work; exit 3"')


# One container is enough to end in the middle of.
SMALL = (
    MANIFEST.replace('depends = ["db"]\n', "")
    .replace(' with {{ container.db }}"', '"')
    .replace('container = "db"', 'container = "web"')
)
SMALL = SMALL[: SMALL.index("[containers.db]")] + SMALL[SMALL.index("[containers.web]") :]
SMALL_NEXT = SMALL.replace('version = "1.0"', 'version = "2.0"').replace("1.0 >>", "2.0 >>")


class Killed(BaseException):
    """What a process that is killed does not get to see."""


def ok(job: Job) -> None:
    assert job.state == JobState.SUCCEEDED, f"{job.reason}\n{job.error}"


class Shop:
    """A catalogue, and apps that are installed from it at once."""

    def __init__(self, panel: Panel, layout: Layout, catalog: Path, host: Host) -> None:
        self.panel, self.layout, self.catalog, self.host = panel, layout, catalog, host

    def write(self, manifest: str = MANIFEST, **more: str) -> None:
        write(self.catalog, manifest, **more)

    def app(self) -> App:
        return apps.find("note")

    def install(self, name: str = "blog", adopt: dict[str, str] | None = None, **given: Any) -> Job:
        given = {"password": "hush-hush", "port": PORT, **given}
        return self.panel.run(app_requests.request_install(SYSTEM, apps.find("note"), name, given, adopt))

    def installed(self, name: str = "blog", **more: Any) -> Installation:
        job = self.install(name, **more)
        ok(job)
        return self.row(name)

    def row(self, name: str = "blog") -> Installation:
        return installations.get(name)

    def update(self, name: str = "blog", **given: Any) -> Job:
        return self.panel.run(app_requests.request_update(SYSTEM, self.row(name), given))

    def read(self, path: str, volume: str = "blog-data") -> str:
        return (self.layout.volume(volume) / path).read_text().strip()

    def post(self, text: str) -> None:
        """Write what only a person has."""
        path = self.layout.volume("blog-data") / "post"
        path.write_text(text)
        path.chmod(0o644)

    def shell(self, name: str, script: str) -> str:
        return lxc.run("lxc-attach", "-P", str(self.layout.containers), "-n", name, "--", "/bin/sh", "-c", script).strip()

    def state(self) -> dict[str, Any]:
        """All that may differ between two versions, rows and host."""
        rows = Container.objects.filter(host=self.host).order_by("name")
        return {
            "installations": list(Installation.objects.values_list("name", "version", "state")),
            "layers": {row.name: [use.layer.name for use in row.layer_uses.all()] for row in rows},
            "states": {row.name: lxc.state(self.layout, row.name) for row in rows},
            "volumes": {
                path.name: {str(file.relative_to(path)): file.read_text() for file in sorted(path.rglob("*")) if file.is_file()}
                for path in sorted(self.layout.volumes.iterdir())
            },
            "copies": sorted(str(path.relative_to(self.layout.apps)) for path in self.layout.apps.glob("*/*")),
            "directories": lxc.names(self.layout),
            **self.made(),
        }

    def made(self) -> dict[str, list[str]]:
        """What was built, rows and host."""
        return {
            "images": sorted(str(image) for image in Image.objects.all()),
            "layers on the disk": sorted(path.name for path in self.layout.layers.iterdir()),
            "rows of layers": sorted(Layer.objects.values_list("name", flat=True)),
        }

    def run_pending(self) -> None:
        """Run what the reaper has queued, and what that queues."""
        while pending := list(Job.objects.filter(state=JobState.QUEUED).order_by("pk")):
            for job in pending:
                ended = self.panel.run(job)
                assert ended.state == JobState.SUCCEEDED, ended.error


@pytest.fixture
def shop(panel: Panel, layout: Layout, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    catalog = tmp_path / "catalog"
    monkeypatch.setattr(settings, "CATALOG_DIRS", [catalog])
    shop = Shop(panel, layout, catalog, host)
    shop.write()
    yield shop
    ports.remove(settings.BRIDGE, lxc.runner())
    for path in layout.backups.iterdir():
        path.unlink()
    for path in layout.apps.iterdir():
        files.remove_tree(path)


class Disaster:
    """Lets one step of a job fail, or the process be killed before it or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.at: int | None = None
        self.how = "fails"
        self.is_dead = False
        attempt, receive = executor.Executor._attempt, executor.Executor._receive
        carry_out, set_state = Parts.carry_out, app_rows.set_state
        disaster = self

        def attempt_or_not(self: Any, step: Any, recorder: Any) -> Any:
            disaster.count += 1
            if disaster.count != disaster.at or disaster.is_dead:
                return attempt(self, step, recorder)
            if disaster.how == "fails":
                return attempt_failing(step)
            ended = attempt(self, step, recorder) if disaster.how == "after" else attempt_failing(step)
            disaster.is_dead = True
            return ended

        def attempt_failing(step: Any) -> Any:
            error = HostError("the test lets it fail")
            return executor.StepEnded(step=step.number, state=executor.StepState.FAILED, note=str(error), error=error)

        def alive(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **more: Any) -> Any:
                if disaster.is_dead:
                    raise Killed
                return function(*args, **more)

            return call

        # Otherwise what is tried again waits for a minute.
        monkeypatch.setattr(reaper, "RETRY_S", 0)
        monkeypatch.setattr(executor.Executor, "_attempt", attempt_or_not)
        monkeypatch.setattr(executor.Executor, "_receive", alive(receive))
        monkeypatch.setattr(Parts, "carry_out", alive(carry_out))
        monkeypatch.setattr(app_rows, "set_state", alive(set_state))

    def strike(self, at: int | None, how: str) -> None:
        self.count, self.at, self.how, self.is_dead = 0, at, how, False


@pytest.fixture
def disaster(monkeypatch: pytest.MonkeyPatch) -> Disaster:
    return Disaster(monkeypatch)


def run_with(shop: Shop, disaster: Disaster, job: Job, at: int | None, how: str) -> str:
    """Run a job with a disaster at a step, then what the reaper makes of it; return its state."""
    disaster.strike(at, how)
    try:
        run_job(job.pk)
    except Killed:
        job.refresh_from_db()
        assert job.state == JobState.RUNNING
        disaster.strike(None, "")
        assert [lost.pk for lost in reaper.reap(shop.host)] == [job.pk]
        shop.run_pending()
    disaster.strike(None, "")
    reaper.clear_builds(shop.host)
    reaper.mend_installations(shop.host)
    shop.run_pending()
    job.refresh_from_db()
    return job.state


def is_struck(state: str) -> bool:
    return state in {JobState.FAILED, JobState.LOST}
