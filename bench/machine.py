"""What was measured on: a figure without its machine says little."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path


def describe() -> str:
    """Return one line."""
    lxc = subprocess.run(["lxc-start", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    cgroups = "cgroup 2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "cgroup 1"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    uidmap = "newuidmap installed" if shutil.which("newuidmap") else "no newuidmap"
    return (
        f"Measured on {os.cpu_count()} cores ({_processor()}), {memory:.0f} GB of memory, {system}, "
        f"Linux {platform.release()}, {cgroups}, LXC {lxc} ({uidmap}), Python {platform.python_version()}."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
