"""From what the kernel has counted to rows: rates, and what happens when containers come and go."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from containers.choices import ContainerState
from containers.domain.states import Operation
from containers.domain.usage import Usage
from containers.jobs import sampling
from containers.jobs.sampling import Sampler
from containers.models import Container, Host, Sample
from containers.services import events, metrics
from tests.jobs.conftest import Panel
from tests.support import rows
from tests.support.kernel import MACHINE, PID, TWO, Tree
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db

GROUP = "cgroup/lxc.payload.web"


class Recorded:
    """A sampler on a recorded host, and a clock that is set by hand."""

    def __init__(self, base: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tree = Tree(base, {**MACHINE, **TWO})
        self.sampler = Sampler(host, base, proc=base / "proc", cgroup=base / "cgroup")
        self.at_s = 5_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.at_s)

    def sample(self, after_s: float = 0.0, **files: str) -> Sample:
        self.at_s += after_s
        for name, text in files.items():
            self.tree.write(f"{GROUP}/{name.replace('_', '.', 1)}", text)
        self.sampler.sample()
        return Sample.objects.filter(span_s=settings.SAMPLE_EVERY_S).latest("at")

    def usage(self, after_s: float = 0.0, **files: str) -> Usage | None:
        self.sample(after_s, **files)
        return metrics.now().containers.get(Container.objects.get(name="web").pk)


@pytest.fixture
def recorded(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    rows.container("web")
    Container.objects.update(state=ContainerState.RUNNING, pid=PID)
    return Recorded(tmp_path, host, monkeypatch)


def test_rates_are_over_the_time_between_two_looks(recorded: Recorded) -> None:
    assert recorded.usage() == Usage(memory_bytes=8_000_000, memory_limit_bytes=64 << 20, processes=7)
    recorded.tree.write("proc/4242/net/dev", TWO["proc/4242/net/dev"].replace("1266", "2266").replace("  936", " 1186"))
    # 6 s of 4 s: one and a half processors.
    used = recorded.usage(4, cpu_stat="usage_usec 18345678\n")
    assert used == Usage(
        cpu=1.5, memory_bytes=8_000_000, memory_limit_bytes=64 << 20, processes=7, received_bytes_s=250, sent_bytes_s=62.5
    )


def test_the_host_is_sampled_with_them(recorded: Recorded) -> None:
    first = recorded.sample()
    assert (first.cpu, first.processors, first.memory_bytes) == (None, 2, 4_000_000 * 1024)
    recorded.tree.write("proc/stat", MACHINE["proc/stat"].replace("cpu  1000", "cpu  1600"))
    assert recorded.sample(10).cpu == pytest.approx(0.6)
    assert 0 < first.disk_bytes < first.disk_total_bytes


def test_another_run_begins_anew(recorded: Recorded) -> None:
    recorded.sample()
    recorded.tree.write("proc/4243/cgroup", TWO["proc/4242/cgroup"])
    Container.objects.update(pid=4243)
    used = recorded.usage(10, cpu_stat="usage_usec 99345678\n")
    assert used
    assert used.cpu is None
    used = recorded.usage(10, cpu_stat="usage_usec 99345678\n")
    assert used
    assert used.cpu == 0


def test_a_counter_that_went_back_gives_no_rate(recorded: Recorded) -> None:
    recorded.sample()
    used = recorded.usage(10, cpu_stat="usage_usec 1\n")
    assert used
    assert used.cpu is None


@pytest.mark.parametrize("values", [{"state": ContainerState.STOPPED}, {"pid": None}, {"pid": 1}])
def test_what_does_not_run_is_not_sampled(recorded: Recorded, values: dict[str, Any]) -> None:
    recorded.sample()
    Container.objects.update(**values)
    assert recorded.usage(10) is None


def test_what_is_frozen_still_holds_memory(recorded: Recorded) -> None:
    Container.objects.update(state=ContainerState.FROZEN)
    used = recorded.usage()
    assert used
    assert used.memory_bytes == 8_000_000


def test_a_container_that_ends_while_it_is_looked_at_takes_nobody_with_it(recorded: Recorded) -> None:
    rows.container("db")
    Container.objects.filter(name="db").update(state=ContainerState.RUNNING, pid=PID + 1)
    recorded.sample()
    assert len(metrics.now().containers) == 1


def test_what_was_sampled_is_told_by_name(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(events, "publish", lambda kind, data: told.append((kind, sorted(data["containers"]))))
    recorded.sample()
    assert told == [("sample", ["web"])]


@pytest.mark.lxc
def test_a_container_of_the_panel_is_sampled(panel: Panel, host: Host) -> None:
    container = panel.add("web", cmd="/bin/sh -c 'while :; do :; done'", limits={"memory_bytes": 64 << 20})
    panel.do(Operation.START, "web")
    sampler = sampling.Sampler(host, settings.DATA_DIR)
    sampler.sample()

    def busy() -> Usage | None:
        sampler.sample()
        used = metrics.now().containers[container.pk]
        return used if used.cpu else None

    used = wait_until(busy, "it keeps a processor busy")
    assert (used.memory_limit_bytes, used.processes) == (64 << 20, 1)
    panel.do(Operation.STOP, "web")
    sampler.sample()
    assert metrics.now().containers == {}
