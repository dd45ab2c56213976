"""Recorded hosts: files of /proc and of control groups, of both versions, read as if they were the kernel's."""

from __future__ import annotations

from pathlib import Path

from containers.host import metrics
from containers.host.metrics import Counters, Groups

NETWORK = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    5000      50    0    0    0     0          0         0     5000      50    0    0    0     0       0          0
  eth0:    1266      15    0    0    0     0          0         0      936      12    0    0    0     0       0          0
  eth1:12345678   99999    0    0    0     0          0         0 87654321   99999    0    0    0     0       0          0
"""
PID = 4242
ONE = {
    "proc/4242/cgroup": """12:pids:/lxc.payload.web
11:cpu,cpuacct:/lxc.payload.web
10:memory:/lxc.payload.web
2:cpuset:/
1:name=systemd:/lxc.payload.web/init.scope
0::/lxc.payload.web
""",
    "proc/4242/net/dev": NETWORK,
    "cgroup/cpuacct/lxc.payload.web/cpuacct.usage": "12345678901\n",
    "cgroup/memory/lxc.payload.web/memory.usage_in_bytes": "8388608\n",
    "cgroup/memory/lxc.payload.web/memory.limit_in_bytes": "67108864\n",
    "cgroup/memory/lxc.payload.web/memory.stat": "cache 4096\ninactive_file 1\ntotal_cache 8\ntotal_inactive_file 388608\n",
    "cgroup/pids/lxc.payload.web/pids.current": "7\n",
}
TWO = {
    "proc/4242/cgroup": "0::/lxc.payload.web/system.slice/init.scope\n",
    "proc/4242/net/dev": NETWORK,
    "cgroup/lxc.payload.web/cpu.stat": "usage_usec 12345678\nuser_usec 10000000\nsystem_usec 2345678\n",
    "cgroup/lxc.payload.web/memory.current": "8388608\n",
    "cgroup/lxc.payload.web/memory.max": "67108864\n",
    "cgroup/lxc.payload.web/memory.stat": "anon 1\nfile 2\ninactive_file 388608\nactive_file 3\n",
    "cgroup/lxc.payload.web/pids.current": "7\n",
}
MACHINE = {
    "proc/stat": "cpu  1000 200 300 9000 500 10 20 30 400 0\ncpu0 1 2 3 4 5 6 7 8 9 0\ncpu1 1 2 3 4 5 6 7 8 9 0\nctxt 7\n",
    "proc/meminfo": "MemTotal:    16000000 kB\nMemFree:     100000 kB\nMemAvailable:   12000000 kB\nBuffers:  1 kB\n",
}


class Tree:
    """Files below a directory, read as if they were the kernel's."""

    def __init__(self, base: Path, files: dict[str, str]) -> None:
        self.base = base
        for name, text in files.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        file = self.base / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def groups(self, name: str = "web", pid: int = PID) -> Groups | None:
        return metrics.groups_of(name, pid, proc=self.base / "proc", cgroup=self.base / "cgroup")

    def counters(self) -> Counters | None:
        groups = self.groups()
        assert groups
        return metrics.counters(groups, PID, proc=self.base / "proc")
