"""Samples what the host and its containers use: from what the kernel has counted, and had counted the time before."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from django.utils import timezone

from containers.choices import ContainerState
from containers.domain.usage import MachineUsage, Usage
from containers.host import metrics as kernel
from containers.host.metrics import Counters, Groups, MachineCounters
from containers.models import Container, Host
from containers.services import metrics


@dataclass(frozen=True)
class _Known:
    """What was counted for a container's run the last time, and where."""

    pid: int
    groups: Groups
    counters: Counters


class Sampler:
    """Remembers the last counters: the first sample of a run has no rates."""

    def __init__(self, host: Host, directory: Path, *, proc: Path = kernel.PROC, cgroup: Path = kernel.CGROUP) -> None:
        self._host = host
        self._directory = directory
        self._proc = proc
        self._cgroup = cgroup
        self._at_s: float | None = None
        self._machine: MachineCounters | None = None
        self._known: dict[int, _Known] = {}

    def sample(self) -> None:
        """Look at the host and all containers that run, write it and tell it. One query beside those of the writing."""
        running = Container.objects.filter(host=self._host, pid__isnull=False).exclude(state=ContainerState.STOPPED)
        rows = [(key, name, pid) for key, name, pid in running.values_list("pk", "name", "pid") if pid is not None]
        at_s, at = time.monotonic(), timezone.now()
        span_s = 0.0 if self._at_s is None else at_s - self._at_s
        machine = self._look_at_machine(span_s)
        before, self._known = self._known, {}
        found = {key: (name, used) for key, name, pid in rows if (used := self._look_at(key, name, pid, before.get(key), span_s))}
        self._at_s = at_s
        metrics.record(self._host, at, machine, {key: used for key, (_, used) in found.items()})
        metrics.tell(at, machine, dict(found.values()))

    def _look_at_machine(self, span_s: float) -> MachineUsage:
        counted, before = kernel.machine(self._directory, proc=self._proc), self._machine
        self._machine = counted
        return MachineUsage(
            cpu=_rate(counted.cpu_s, before.cpu_s if before else None, span_s),
            processors=counted.processors,
            memory_bytes=counted.memory_bytes,
            memory_total_bytes=counted.memory_total_bytes,
            disk_bytes=counted.disk_bytes,
            disk_total_bytes=counted.disk_total_bytes,
        )

    def _look_at(self, key: int, name: str, pid: int, known: _Known | None, span_s: float) -> Usage | None:
        if known is None or known.pid != pid:
            known = None
        groups = known.groups if known else kernel.groups_of(name, pid, proc=self._proc, cgroup=self._cgroup)
        counted = kernel.counters(groups, pid, proc=self._proc) if groups else None
        if groups is None or counted is None:
            return None
        self._known[key] = _Known(pid, groups, counted)
        return _usage(counted, known.counters if known else None, span_s)


def _usage(counted: Counters, before: Counters | None, span_s: float) -> Usage:
    return Usage(
        cpu=_rate(counted.cpu_s, before.cpu_s if before else None, span_s),
        memory_bytes=counted.memory_bytes,
        memory_limit_bytes=counted.memory_limit_bytes,
        processes=counted.processes,
        received_bytes_s=_rate(counted.received_bytes, before.received_bytes if before else None, span_s),
        sent_bytes_s=_rate(counted.sent_bytes, before.sent_bytes if before else None, span_s),
    )


def _rate(now: float | None, before: float | None, span_s: float) -> float | None:
    """Return the growth in a second; None where it is not known, and where a counter began anew."""
    if now is None or before is None or span_s <= 0 or now < before:
        return None
    return (now - before) / span_s
