"""What the kernel counts: as it said it on recorded hosts of both versions of control groups, and as it says it here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from containers.host import metrics
from containers.host.metrics import Counters, Groups
from tests.support.box import Box
from tests.support.kernel import MACHINE, ONE, TWO, Tree
from tests.support.waiting import wait_until

RECEIVED, SENT = 1266 + 12345678, 936 + 87654321


@pytest.mark.parametrize(("files", "cpu_s"), [(ONE, 12.345678901), (TWO, 12.345678)], ids=["version 1", "version 2"])
def test_all_that_is_counted_is_read(tmp_path: Path, files: dict[str, str], cpu_s: float) -> None:
    assert Tree(tmp_path, files).counters() == Counters(
        cpu_s=cpu_s,
        memory_bytes=8_000_000,
        memory_limit_bytes=64 << 20,
        processes=7,
        received_bytes=RECEIVED,
        sent_bytes=SENT,
    )


@pytest.mark.parametrize(
    ("files", "file", "text"),
    [
        (ONE, "cgroup/memory/lxc.payload.web/memory.limit_in_bytes", "9223372036854771712\n"),
        (TWO, "cgroup/lxc.payload.web/memory.max", "max\n"),
    ],
    ids=["version 1", "version 2"],
)
def test_no_limit_is_none(tmp_path: Path, files: dict[str, str], file: str, text: str) -> None:
    found = Tree(tmp_path, files | {file: text}).counters()
    assert found
    assert found.memory_limit_bytes is None


@pytest.mark.parametrize("files", [ONE, TWO], ids=["version 1", "version 2"])
def test_a_controller_that_the_host_does_not_have_is_not_known(tmp_path: Path, files: dict[str, str]) -> None:
    left = {name: text for name, text in files.items() if "memory" not in name and "pids" not in name}
    left["proc/4242/cgroup"] = "".join(line for line in files["proc/4242/cgroup"].splitlines(True) if ":memory:" not in line)
    found = Tree(tmp_path, left).counters()
    assert found
    assert (found.memory_bytes, found.memory_limit_bytes, found.processes) == (None, None, None)
    assert found.cpu_s > 12


@pytest.mark.parametrize("files", [ONE, TWO], ids=["version 1", "version 2"])
def test_what_has_ended_in_between_is_none(tmp_path: Path, files: dict[str, str]) -> None:
    tree = Tree(tmp_path, files)
    assert tree.groups(pid=4243) is None
    for file in tmp_path.rglob("cpu*"):
        if file.is_file():
            file.unlink()
    assert tree.counters() is None


def test_a_network_that_is_gone_is_not_known(tmp_path: Path) -> None:
    found = Tree(tmp_path, {name: text for name, text in TWO.items() if "net/dev" not in name}).counters()
    assert found
    assert (found.received_bytes, found.sent_bytes) == (None, None)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/lxc.payload.webs",
        "/lxc.payload.web-10",
        "/lxc.payload.web.x",
        "/lxc.monitor.web",
        "/user.slice",
        "/xlxc.payload.web",
    ],
)
def test_a_process_that_is_not_this_containers_is_not_looked_at(tmp_path: Path, path: str) -> None:
    assert Tree(tmp_path, {"proc/4242/cgroup": f"0::{path}\n"}).groups() is None


@pytest.mark.parametrize("path", ["lxc.payload.web", "lxc.payload.web-3", "machine.slice/lxc.payload.web"])
def test_the_group_is_the_one_that_lxc_has_made(tmp_path: Path, path: str) -> None:
    found = Tree(tmp_path, {"proc/4242/cgroup": f"0::/{path}/a/lxc.payload.web/b\n"}).groups()
    assert found == Groups({}, f"{tmp_path}/cgroup/{path}")


def test_the_host_as_it_was_recorded(tmp_path: Path) -> None:
    Tree(tmp_path, MACHINE)
    found = metrics.machine(tmp_path, proc=tmp_path / "proc")
    assert found.cpu_s == (1000 + 200 + 300 + 10 + 20 + 30) / os.sysconf("SC_CLK_TCK")
    assert (found.processors, found.memory_bytes, found.memory_total_bytes) == (2, 4_000_000 * 1024, 16_000_000 * 1024)
    assert 0 < found.disk_bytes < found.disk_total_bytes


def test_this_host_says_all_of_it(tmp_path: Path) -> None:
    found = metrics.machine(tmp_path)
    assert found.processors == os.cpu_count()
    assert found.cpu_s > 0
    assert 0 < found.memory_bytes < found.memory_total_bytes


@pytest.mark.lxc
def test_a_real_container_is_counted(box: Box) -> None:
    name = box.start(limits={"memory_bytes": 64 << 20})
    pid = box.lxc.look(name).pid
    assert pid
    groups = metrics.groups_of(name, pid)
    assert groups
    before = metrics.counters(groups, pid)
    assert before
    box.shell(name, "head -c 30m /dev/zero | tail -n 1 > /dev/null; sleep 1000 &")

    def after() -> Counters | None:
        found = metrics.counters(groups, pid)
        return found if found and found.processes and before.processes and found.processes > before.processes else None

    found = wait_until(after, "the process is counted")
    assert found.cpu_s > before.cpu_s
    assert (found.memory_limit_bytes, found.processes) == (64 << 20, 2)
    assert found.memory_bytes
    assert 0 < found.memory_bytes < 64 << 20
    assert None not in (found.received_bytes, found.sent_bytes)
    box.lxc.kill(name)
    assert metrics.groups_of(name, pid) is None
    assert metrics.counters(groups, pid) is None
