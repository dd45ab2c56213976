"""What kind of host this is: facts that do not change before it boots again."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from containers.host.command import Runner


@dataclass(frozen=True)
class System:
    """The operating system, LXC's version, and what the LXC configuration depends on."""

    name: str
    lxc_version: str
    has_cgroup2: bool
    has_apparmor: bool


def look(runner: Runner) -> System:
    """Ask the host. Raises CommandFailed if LXC is not installed."""
    version = runner.run(["lxc-start", "--version"], timeout_s=10, record=False).output.strip()
    return System(
        name=platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
        lxc_version=version,
        has_cgroup2=has_cgroup2(),
        has_apparmor=has_apparmor(),
    )


def has_cgroup2() -> bool:
    """Return whether the controllers are in cgroup version 2 (a Debian host); with both mounted they are in 1."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def has_apparmor() -> bool:
    """Return whether the kernel confines programs with AppArmor."""
    try:
        return Path("/sys/module/apparmor/parameters/enabled").read_text().startswith("Y")
    except FileNotFoundError:
        return False


def boot_id() -> str:
    """Return what names this boot: the kernel makes another one each time."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def available_memory() -> int:
    """Return how many bytes of memory programs can have without swapping (proc(5), meminfo)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
