"""What the kernel counts for a container and for the host: a few small files each, no program.

Files of control groups, version 2: Documentation/admin-guide/cgroup-v2.rst; version 1: Documentation/admin-guide/cgroup-v1/
cpuacct.rst, memory.rst and pids.rst. Files of /proc: proc_stat(5), proc_meminfo(5), proc_pid_net(5).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
CGROUP: Final = Path("/sys/fs/cgroup")
# LXC's names for a container's groups; a container of another stack may have taken the one without a number.
_GROUP: Final = "lxc.payload.{}(-[1-9])?"
# Version 1 has no word for "no limit": the largest multiple of a page that a signed number holds.
_NO_LIMIT: Final = 1 << 62
_TICKS_S: Final = os.sysconf("SC_CLK_TCK")
# A group, a process or a controller that is not there (any more).
_GONE: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.ESRCH, errno.EINVAL})
_MOST_BYTES: Final = 64 * 1024
# A controller that this host does not have.
_NOWHERE: Final = os.devnull


@dataclass(frozen=True, slots=True)
class Counters:
    """What was counted for a container up to now, and what it holds right now; None where the kernel does not say."""

    cpu_s: float
    # Without what the page cache holds of files that nobody has used for a while: the kernel takes that back by itself.
    memory_bytes: int | None
    memory_limit_bytes: int | None
    processes: int | None
    received_bytes: int | None
    sent_bytes: int | None


@dataclass(frozen=True, slots=True)
class MachineCounters:
    """The same for the host; `disk_*` are of the file system that holds the data directory, as df(1) counts them."""

    cpu_s: float
    processors: int
    memory_bytes: int
    memory_total_bytes: int
    disk_bytes: int
    disk_total_bytes: int


@dataclass(frozen=True, slots=True)
class Groups:
    """Where a container's control groups are: `one` by controller with version 1, `two` with version 2."""

    one: Mapping[str, str]
    two: str | None


def groups_of(name: str, pid: int, *, proc: Path = PROC, cgroup: Path = CGROUP) -> Groups | None:
    """Return the groups of the container whose init is `pid`; None when that is over, or `pid` is somebody else's.

    Looked up at init and not by name: LXC names groups after the container alone, whichever stack it belongs to.
    """
    one: dict[str, str] = {}
    two = None
    for line in (read_file(f"{proc}/{pid}/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if (top := _top(name, path)) is None:
            continue
        if not controllers:
            two = f"{cgroup}/{top}"
        for controller in filter(None, controllers.split(",")):
            one[controller] = f"{cgroup}/{controller}/{top}"
    if "cpuacct" in one:
        return Groups(one, None)
    return Groups({}, two) if two else None


def counters(groups: Groups, pid: int, *, proc: Path = PROC) -> Counters | None:
    """Return what is counted for a container; None when its groups are gone."""
    memory, limit, cpu_s, processes = _of_two(groups.two) if groups.two else _of_one(groups.one)
    if cpu_s is None:
        return None
    received, sent = _network(f"{proc}/{pid}/net/dev")
    return Counters(cpu_s, memory, limit, processes, received, sent)


def machine(directory: Path, *, proc: Path = PROC) -> MachineCounters:
    """Return what is counted for the host; `directory` is on the file system that is looked at. Raises OSError."""
    cpu, processors = _processors((proc / "stat").read_text())
    memory = (proc / "meminfo").read_text()
    total, available = (_field(memory, f"{name}:") or 0 for name in ("MemTotal", "MemAvailable"))
    disk = os.statvfs(directory)
    return MachineCounters(
        cpu_s=cpu,
        processors=processors,
        memory_bytes=(total - available) * 1024,
        memory_total_bytes=total * 1024,
        disk_bytes=(disk.f_blocks - disk.f_bfree) * disk.f_frsize,
        # What is kept for root is no room for anybody else.
        disk_total_bytes=(disk.f_blocks - disk.f_bfree + disk.f_bavail) * disk.f_frsize,
    )


def _top(name: str, path: str) -> str | None:
    """Return the path up to the container's own group: its init may have made others below."""
    match = re.fullmatch(rf"/?((?:.*?/)??{_GROUP.format(re.escape(name))})(/.*)?", path)
    return match[1].lstrip("/") if match else None


def _of_two(group: str) -> tuple[int | None, int | None, float | None, int | None]:
    cpu = _field(read_file(f"{group}/cpu.stat"), "usage_usec")
    memory = _less_cache(_number(f"{group}/memory.current"), _field(read_file(f"{group}/memory.stat"), "inactive_file"))
    # "max", which is no number, stands for no limit.
    limit, processes = _number(f"{group}/memory.max"), _number(f"{group}/pids.current")
    return memory, limit, None if cpu is None else cpu / 1e6, processes


def _of_one(groups: Mapping[str, str]) -> tuple[int | None, int | None, float | None, int | None]:
    cpu = _number(f"{groups['cpuacct']}/cpuacct.usage")
    group = groups.get("memory", _NOWHERE)
    cache = _field(read_file(f"{group}/memory.stat"), "total_inactive_file")
    limit = _number(f"{group}/memory.limit_in_bytes")
    memory = _less_cache(_number(f"{group}/memory.usage_in_bytes"), cache)
    processes = _number(f"{groups.get('pids', _NOWHERE)}/pids.current")
    return memory, None if limit is None or limit >= _NO_LIMIT else limit, None if cpu is None else cpu / 1e9, processes


def _less_cache(memory: int | None, cache: int | None) -> int | None:
    # Two files, read one after the other.
    return None if memory is None else max(0, memory - (cache or 0))


def _network(file: str) -> tuple[int | None, int | None]:
    """Return the bytes received and sent by all interfaces of a network namespace but its loopback."""
    lines = (read_file(file) or "").splitlines()[2:]
    fields = [line.partition(":") for line in lines]
    counts = [values.split() for interface, _, values in fields if interface.strip() != "lo"]
    if not counts:
        return None, None
    return sum(int(count[0]) for count in counts), sum(int(count[8]) for count in counts)


def _processors(text: str) -> tuple[float, int]:
    """Return the seconds that all processors together have been busy, and how many there are."""
    lines = text.splitlines()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, lines[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS_S, sum(re.match(r"cpu\d", line) is not None for line in lines)


def _field(text: str | None, name: str) -> int | None:
    """Return the number behind a name at the beginning of a line; whole files as dictionaries would take four times as long."""
    at = f"\n{text or ''}".find(f"\n{name} ")
    return None if at < 0 or text is None else int(text[at + len(name) :].split(None, 1)[0])


def _number(file: str) -> int | None:
    text = (read_file(file) or "").strip()
    return int(text) if text.isdecimal() else None


def read_file(file: str) -> str | None:
    """Return what a file of the kernel says; None where the file, or what it is about, is gone."""
    # Path.read_text() takes three times as long, and these are read for every container every few seconds.
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _GONE or error.errno == errno.ENOTDIR:
            return None
        raise
    try:
        return os.read(descriptor, _MOST_BYTES).decode()
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    finally:
        os.close(descriptor)
