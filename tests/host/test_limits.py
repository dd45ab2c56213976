"""Limits on memory, processors and processes are the kernel's, whichever version of control groups it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.box import Box
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

FILES = {
    "memory": ("memory.max", "memory.limit_in_bytes"),
    "cpu": ("cpu.max", "cpu.cfs_quota_us"),
    "pids": ("pids.max", "pids.max"),
}


def limit(box: Box, name: str, controller: str) -> str:
    two, one = FILES[controller]
    # number:controllers:path; LXC may have had to take another name than the container's.
    groups = [line.split(":", 2)[1:] for line in Path(f"/proc/{box.lxc.look(name).pid}/cgroup").read_text().splitlines()]
    paths = {part: group for parts, group in groups for part in parts.split(",")}
    if controller in paths:
        return Path(f"/sys/fs/cgroup/{controller}{paths[controller]}/{one}").read_text().split()[0]
    return Path(f"/sys/fs/cgroup{paths['']}/{two}").read_text().split()[0]


def test_the_kernel_has_what_was_set(box: Box) -> None:
    name = box.start(limits={"memory_bytes": 64 << 20, "cpus": 0.5, "pids": 20})

    assert tuple(limit(box, name, controller) for controller in FILES) == (str(64 << 20), "50000", "20")


def test_too_many_processes_are_refused(box: Box) -> None:
    name = box.start(limits={"pids": 12})

    result = box.shell(name, "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 60 & done; echo made all")

    assert "made all" not in result.output


def test_too_much_memory_is_refused(box: Box) -> None:
    name = box.start(limits={"memory_bytes": 16 << 20})

    result = box.shell(name, "head -c 200m /dev/zero | tail -n 1 | wc -c")

    # Which of the container's processes is ended, its init among them, the kernel chooses.
    assert result.output.strip() != str(200 << 20)


def test_the_console_log_is_bounded_and_readable_by_its_group(box: Box) -> None:
    name = box.start(
        cmd="/bin/sh -c 'head -c 20000000 /dev/zero | tr \"\\0\" y > /dev/console; echo the end > /dev/console; sleep 1000'"
    )
    log = box.layout.log(name)

    wait_until(lambda: "the end" in log.read_text(errors="replace")[-2000:], "all is printed")

    assert log.stat().st_size <= 2 << 20
    assert oct(log.stat().st_mode & 0o7777) == "0o640"
    assert sum(path.stat().st_size for path in box.layout.log_dir.iterdir()) <= 4 << 20
