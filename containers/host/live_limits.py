"""The limits that the kernel holds a running container to, read and set: a few small files, by LXC's tool only to change.

Files of control groups, version 2: Documentation/admin-guide/cgroup-v2.rst; version 1: Documentation/admin-guide/cgroup-v1/
memory.rst and pids.rst, Documentation/scheduler/sched-bwc.rst.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from containers.domain.layout import Layout
from containers.domain.limits import MAX_MEMORY_BYTES, MAX_PIDS, Limits
from containers.domain.lxc_config import CPU_PERIOD_US
from containers.host import tools
from containers.host.command import Runner
from containers.host.metrics import Groups, read_file

_TIMEOUT_S: Final = 10


def read(groups: Groups) -> Limits | None:
    """Return the limits of a container; a controller that this host lacks limits nothing. None when its groups are gone."""
    if groups.two:
        files = (f"{groups.two}/memory.max", f"{groups.two}/cpu.max", f"{groups.two}/pids.max")
    else:
        one = groups.one
        files = (
            f"{one.get('memory')}/memory.limit_in_bytes",
            f"{one.get('cpu')}/cpu.cfs_quota_us",
            f"{one.get('pids')}/pids.max",
        )
    memory, cpu, pids = (read_file(file) for file in files)
    if memory is None and cpu is None and pids is None:
        return None
    return Limits.model_construct(memory_bytes=_memory(memory), cpus=_cpus(cpu), pids=_pids(pids))


def write(layout: Layout, name: str, limits: Limits, keys: Collection[str], runner: Runner, *, cgroup2: bool) -> None:
    """Hold a running container to those of `limits` that `keys` names from now on. Raises CommandFailed."""
    none = "max" if cgroup2 else "-1"
    memory = none if limits.memory_bytes is None else str(limits.memory_bytes)
    pids = "max" if limits.pids is None else str(limits.pids)
    quota = none if limits.cpus is None else str(round(limits.cpus * CPU_PERIOD_US))
    settings = {
        "memory_bytes": ("memory.max" if cgroup2 else "memory.limit_in_bytes", memory),
        "cpus": ("cpu.max", f"{quota} {CPU_PERIOD_US}") if cgroup2 else ("cpu.cfs_quota_us", quota),
        "pids": ("pids.max", pids),
    }
    for file, value in (settings[key] for key in settings if key in keys):
        runner.run(tools.command(layout, name, "lxc-cgroup", "--", file, value), timeout_s=_TIMEOUT_S)


def _memory(text: str | None) -> int | None:
    # Version 1 says "no limit" with the largest number that it knows.
    value = _number(text)
    return None if value is None or value > MAX_MEMORY_BYTES else value


def _pids(text: str | None) -> int | None:
    value = _number(text)
    return None if value is None or value > MAX_PIDS else value


def _cpus(text: str | None) -> float | None:
    words = (text or "").split()
    quota = _number(words[0]) if words else None
    if quota is None or quota < 0:
        return None
    return quota / (int(words[1]) if len(words) > 1 else CPU_PERIOD_US)


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        # "max", or nothing.
        return None
