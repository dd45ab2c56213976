"""What was measured on: a figure without its machine says little."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

LOOK_S = 2


def describe() -> str:
    """Return one line; say how idle the machine is now, because what else runs slows down what is measured."""
    lxc = subprocess.run(["lxc-start", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    cgroups = "cgroup 2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "cgroup 1"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    uidmap = "newuidmap installed" if shutil.which("newuidmap") else "no newuidmap"
    return (
        f"Measured on {os.cpu_count()} cores ({_processor()}), {memory:.0f} GB of memory, {system}, "
        f"Linux {platform.release()}, {cgroups}, LXC {lxc} ({uidmap}), Python {platform.python_version()}. "
        f"Before the measurement it was {_idle_percent()} % idle."
    )


def _idle_percent() -> int:
    first = _ticks()
    time.sleep(LOOK_S)
    spent = [after - before for before, after in zip(first, _ticks(), strict=True)]
    # proc_stat(5): user, nice, system, idle, iowait, irq, ...
    return round(100 * (spent[3] + spent[4]) / max(sum(spent), 1))


def _ticks() -> list[int]:
    return [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
