"""Jobs run in the test's own process, on real containers below the test process' own directories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from containers.choices import JobState, Via
from containers.domain.layout import Layout
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.host import directories, layers, network
from containers.jobs.runner import run_job
from containers.models import Container, Host, Job, Layer
from containers.services import containers, operations
from tests.jobs.shop import SYSTEM, disaster, shop
from tests.support import lxc
from tests.support.people import admin, operator, viewer

__all__ = ["SYSTEM", "admin", "disaster", "operator", "shop", "viewer"]

LAYER = "base"


@pytest.fixture
def host(db: None) -> Host:
    return Host.objects.get_or_create(name=settings.HOST)[0]


@pytest.fixture
def make_job(host: Host) -> Callable[..., Job]:
    """A job's row, as whoever can write to the database could make it."""

    def make(operation: str, *targets: str, **inputs: Any) -> Job:
        return Job.objects.create(host=host, operation=operation, targets=list(targets), inputs=inputs, via=Via.SYSTEM)

    return make


@pytest.fixture(scope="session")
def layout() -> Layout:
    return Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)


@pytest.fixture(scope="session")
def host_directories(layout: Layout) -> Iterator[Layout]:
    """Directories and one busybox layer for all tests of this process; the bridge goes with them."""
    directories.ensure_layout(layout, web_gid=0, idmap_base=settings.IDMAP_BASE)
    layers.make_busybox(layout, lxc.runner(), LAYER, idmap_base=settings.IDMAP_BASE)
    network.ensure(settings.BRIDGE, settings.SUBNET, lxc.runner())
    yield layout
    network.remove(settings.BRIDGE, lxc.runner())


class Panel:
    """Containers made and worked on as the panel does, with jobs run at once."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def add(self, name: str, **more: Any) -> Container:
        """Create a container; what is no key of a definition goes beside it."""
        beside = {key: more.pop(key) for key in ("autostart", "protected", "limits", "timeouts", "description") if key in more}
        definition = {"layers": [LAYER], "cmd": "/bin/sleep 1000", "halt": "SIGKILL", **more}
        spec = ContainerSpec.parse({"name": name, "definition": definition, **beside})
        container, job = containers.create_container(SYSTEM, spec)
        assert self.run(job).state == JobState.SUCCEEDED, job.error
        return self.row(container.name)

    def do(self, operation: Operation, *names: str, **inputs: Any) -> Job:
        """Ask for an operation, run its job and return the job as it ended."""
        return self.run(operations.request(SYSTEM, operation, names, inputs))

    def run(self, job: Job) -> Job:
        run_job(job.pk)
        job.refresh_from_db()
        return job

    def row(self, name: str) -> Container:
        return Container.objects.get(host=self.host, name=name)

    def states(self) -> dict[str, str]:
        return dict(Container.objects.filter(host=self.host).values_list("name", "state"))


@pytest.fixture
def panel(host: Host, host_directories: Layout) -> Iterator[Panel]:
    """A panel without containers; what a test leaves running is ended, its layers go, and nothing else may be left."""
    Layer.objects.create(host=host, name=LAYER, is_available=True)
    before = set(host_directories.layers.iterdir())
    yield Panel(host)
    lxc.remove_all(host_directories)
    for path in set(host_directories.layers.iterdir()) - before:
        lxc.run("rm", "-rf", str(path))
    assert lxc.leftovers(host_directories) == []


def steps(job: Job) -> list[tuple[str, str, str]]:
    """(container, action, state) of a job's steps, in order of their beginning."""
    rows = sorted(job.steps.all(), key=lambda step: (step.started_at is None, step.started_at, step.number))
    return [(step.container, step.action, step.state) for step in rows]
