"""What differs on the host is found, told and repaired, with real containers."""

from __future__ import annotations

from typing import Any

import pytest

from containers.choices import JobState
from containers.domain.drift import Aspect
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.host import facts, rootfs, system
from containers.jobs.drifting import Drifting
from containers.models import Container
from containers.services import containers, drift, operations
from tests.jobs.conftest import SYSTEM, Panel
from tests.support import lxc

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lxc]


def look(panel: Panel, layout: Layout) -> None:
    names = list(Container.objects.values_list("name", flat=True))
    Drifting(panel.host, layout).look(facts.looks(layout, lxc.runner(), names))


def found(panel: Panel, name: str = "web") -> list[tuple[Aspect, str, str]]:
    return [(entry.aspect, entry.key, entry.actual or entry.rendered) for entry in drift.entries(panel.row(name))]


def test_nothing_differs_of_what_was_made_started_and_stopped(panel: Panel, layout: Layout) -> None:
    panel.add("web", limits={"memory_bytes": 64 * 2**20, "pids": 20}, env={"A": "1"})
    look(panel, layout)
    assert found(panel) == []
    panel.do(Operation.START, "web")
    look(panel, layout)
    assert found(panel) == []
    panel.do(Operation.STOP, "web")
    panel.do(Operation.MOUNT, "web")
    look(panel, layout)
    assert found(panel) == []
    panel.do(Operation.UNMOUNT, "web")
    look(panel, layout)
    assert found(panel) == []


def test_a_definition_that_was_saved_and_not_started_with_is_no_drift(panel: Panel, layout: Layout) -> None:
    row = panel.add("web")
    panel.do(Operation.START, "web")
    containers.update_container(SYSTEM, row, {"limits": {"pids": 7}})
    look(panel, layout)
    assert found(panel) == []


def test_a_file_that_somebody_wrote_is_found_and_written_anew(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    with layout.config("web").open("a") as stream:
        stream.write("lxc.environment = HAND=made\n")
    look(panel, layout)
    assert found(panel) == [(Aspect.CONFIG, "lxc.environment", "HAND=made")]
    assert panel.row("web").has_drift
    job = panel.do(Operation.REPAIR, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    assert not panel.row("web").has_drift
    assert "HAND" not in layout.config("web").read_text()
    look(panel, layout)
    assert found(panel) == []
    # Once more: there is nothing to do.
    assert panel.do(Operation.REPAIR, "web").state == JobState.SUCCEEDED


@pytest.mark.parametrize("link", [False, True])
def test_a_file_that_is_gone_or_became_a_link_is_found(panel: Panel, layout: Layout, link: bool) -> None:
    panel.add("web")
    content = layout.config("web").read_bytes()
    layout.config("web").unlink()
    if link:
        layout.config("web").symlink_to("/etc/passwd")
    look(panel, layout)
    assert found(panel) == [(Aspect.CONFIG, "", "")]
    panel.do(Operation.REPAIR, "web")
    assert layout.config("web").read_bytes() == content
    assert not layout.config("web").is_symlink()


def test_limits_that_somebody_set_are_found_and_set_back(panel: Panel, layout: Layout) -> None:
    panel.add("web", limits={"pids": 20})
    panel.do(Operation.START, "web")
    lxc.run("lxc-cgroup", "-P", str(layout.containers), "-n", "web", "pids.max", "31")
    look(panel, layout)
    assert found(panel) == [(Aspect.LIMITS, "limits.pids", "31")]
    job = panel.do(Operation.REPAIR, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    look(panel, layout)
    assert found(panel) == []
    assert lxc.run("lxc-cgroup", "-P", str(layout.containers), "-n", "web", "pids.max").strip() == "20"


def test_a_limit_that_nobody_wanted_is_taken_off(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    panel.do(Operation.START, "web")
    memory = "memory.max" if system.has_cgroup2() else "memory.limit_in_bytes"
    quota = ("cpu.max", "50000 100000") if system.has_cgroup2() else ("cpu.cfs_quota_us", "50000")
    for words in ((memory, str(64 * 2**20)), quota):
        lxc.run("lxc-cgroup", "-P", str(layout.containers), "-n", "web", *words)
    look(panel, layout)
    assert found(panel) == [(Aspect.LIMITS, "limits.memory_bytes", str(64 * 2**20)), (Aspect.LIMITS, "limits.cpus", "0.5")]
    job = panel.do(Operation.REPAIR, "web")
    assert job.state == JobState.SUCCEEDED, job.error
    look(panel, layout)
    assert found(panel) == []


def test_limits_that_somebody_set_can_be_adopted(panel: Panel, layout: Layout) -> None:
    panel.add("web", limits={"pids": 20, "memory_bytes": 64 * 2**20})
    panel.do(Operation.START, "web")
    lxc.run("lxc-cgroup", "-P", str(layout.containers), "-n", "web", "pids.max", "31")
    look(panel, layout)
    row = drift.adopt(SYSTEM, Container.objects.with_definition().get(name="web"))
    assert (row.limits.pids, row.limits.memory_bytes, row.revision) == (31, 64 * 2**20, 2)


def test_a_root_filesystem_that_was_left_mounted_is_found_and_unmounted(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    rootfs.mount(layout, "web", lxc.runner())
    look(panel, layout)
    assert found(panel) == [(Aspect.ROOTFS, "rootfs", "mounted")]
    panel.do(Operation.REPAIR, "web")
    assert not rootfs.is_mounted(layout, "web")
    look(panel, layout)
    assert found(panel) == []


def test_what_a_job_is_at_is_left_for_the_next_look(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    layout.config("web").unlink()
    job = operations.request(SYSTEM, Operation.START, ["web"])
    look(panel, layout)
    assert found(panel) == []
    panel.run(job)


def test_a_look_at_more_containers_takes_no_more_queries(
    panel: Panel, layout: Layout, django_assert_max_num_queries: Any
) -> None:
    panel.add("web")
    with django_assert_max_num_queries(12) as few:
        look(panel, layout)
    for number in range(4):
        panel.add(f"more-{number}")
    with django_assert_max_num_queries(len(few)):
        look(panel, layout)


def test_a_row_that_is_broken_stops_no_look(panel: Panel, layout: Layout) -> None:
    panel.add("web")
    panel.add("db")
    layout.config("web").unlink()
    layout.config("db").unlink()
    Container.objects.filter(name="web").update(cmd="/bin/sh\nlxc.evil", memory_bytes=1)
    look(panel, layout)
    assert found(panel, "web") == []
    assert found(panel, "db") == [(Aspect.CONFIG, "", "")]
