"""Whether this host has what containers need, and what to do where it does not. Changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.errors import CommandFailed
from containers.host import files, firewall, hook, idmap, network, system
from containers.host.command import Runner

_LXC_TOOLS: Final = ("attach", "execute", "freeze", "info", "monitor", "start", "stop", "unfreeze", "usernsexec")
_PROGRAMS: Final = {
    "/usr/bin/python3": "python3",
    "ip": "iproute2",
    "nft": "nftables",
    "tar": "tar",
    "gzip": "gzip",
    "xz": "xz-utils",
    "zstd": "zstd",
    "bzip2": "bzip2",
    "usermod": "passwd",
    # lxc-execute binds it into the container as its init.
    "/usr/sbin/init.lxc.static": "lxc",
}
_CONTROLLERS: Final = ("cpu", "memory", "pids")
_CGROUP: Final = Path("/sys/fs/cgroup")
# On these an overlay has no writable layer.
_NO_UPPER: Final = frozenset({"overlay", "nfs", "nfs4", "cifs", "vfat", "exfat", "ntfs", "fuseblk", "9p", "squashfs"})
_LITTLE_SPACE: Final = 2 << 30


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do unless all is well."""

    level: Level
    title: str
    detail: str
    advice: str = ""


def examine(layout: Layout, *, bridge: str, subnet: IPv4Network, idmap_base: int, idmap_size: int) -> list[Finding]:
    """Look at everything; a check that cannot be made is a finding, not an error."""
    return [
        _root(),
        *_tools(),
        *_kernel(),
        *_cgroups(),
        _confinement(),
        *_ids(idmap_base, idmap_size),
        *_directories(layout),
        *_network(bridge, subnet),
    ]


def _finding(title: str, problem: str, well: str, advice: str, *, bad: Level = Level.ERROR) -> Finding:
    return Finding(bad, title, problem, advice) if problem else Finding(Level.OK, title, well)


def _root() -> Finding:
    problem = "" if os.geteuid() == 0 else "this does not run as root"
    return _finding("Rights", problem, "root", "Run it as root: everything else below may be wrong")


def _tools() -> Iterator[Finding]:
    missing = [f"lxc-{tool}" for tool in _LXC_TOOLS if not Path(f"/usr/bin/lxc-{tool}").exists()]
    problem = f"missing: {', '.join(missing)}" if missing else ""
    yield _finding("LXC", problem, "" if problem else system.look(Runner()).lxc_version, "apt install lxc")
    packages = sorted({package for program, package in _PROGRAMS.items() if shutil.which(program) is None})
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    problem = f"missing: {', '.join(missing)}" if missing else ""
    yield _finding("Programs", problem, "all there", f"apt install {' '.join(packages)}")
    problem = "" if shutil.which("busybox") else "missing: the demo cannot be made"
    yield _finding("Busybox", problem, "there", "apt install busybox-static", bad=Level.WARNING)


def _kernel() -> Iterator[Finding]:
    filesystems = Path("/proc/filesystems").read_text().split()
    problem = "" if "overlay" in filesystems else "the kernel has no overlay file system (loaded)"
    yield _finding("Overlay", problem, "there", "modprobe overlay, and name it in /etc/modules-load.d")
    maximum = Path("/proc/sys/user/max_user_namespaces")
    problem = "" if maximum.exists() and int(maximum.read_text()) > 0 else "user namespaces are switched off"
    yield _finding("User namespaces", problem, "there", "sysctl user.max_user_namespaces=100000")


def _cgroups() -> Iterator[Finding]:
    if system.has_cgroup2():
        version, found = "2", (_CGROUP / "cgroup.controllers").read_text().split()
    else:
        version, found = "1", [name for name in _CONTROLLERS if (_CGROUP / name).is_dir()]
    missing = [name for name in _CONTROLLERS if name not in found]
    problem = f"version {version} without {', '.join(missing)}: a container with such a limit does not start" if missing else ""
    advice = "Boot with cgroup_enable=memory, or mount the controllers"
    yield _finding("Control groups", problem, f"version {version}, {', '.join(_CONTROLLERS)}", advice, bad=Level.WARNING)


def _confinement() -> Finding:
    problem = "" if system.has_apparmor() else "the kernel does not enforce AppArmor profiles: user namespaces are the only wall"
    return _finding("AppArmor", problem, "on", "Boot with apparmor=1 security=apparmor", bad=Level.WARNING)


def _ids(base: int, size: int) -> Iterator[Finding]:
    missing = "; ".join(idmap.look(base, size))
    advice = f"usermod --add-subuids {base}-{base + size - 1} --add-subgids {base}-{base + size - 1} root"
    problem = f"{missing}: lxc-start by hand fails" if missing else ""
    yield _finding("Id map", problem, f"{base} to {base + size - 1}", advice, bad=Level.WARNING)
    others = ", ".join(idmap.owners(base, size))
    problem = f"{others} may use the same ids, and so change containers' files" if others else ""
    advice = "Give them other ranges in /etc/subuid and /etc/subgid, or set SPOCWEB_IDMAP_BASE before the first layer"
    yield _finding("Id map of others", problem, "nobody else has it", advice, bad=Level.WARNING)


def _directories(layout: Layout) -> Iterator[Finding]:
    wanted = (layout.containers, layout.layers, layout.volumes, layout.uploads, layout.log_dir, layout.locks)
    missing = [str(path) for path in wanted if not path.is_dir()]
    problem = f"missing: {', '.join(missing)}" if missing else ""
    yield _finding("Directories", problem, str(layout.data_dir), "`make run` makes them")
    if missing:
        return
    closed = [str(path) for path in (layout.data_dir, *layout.data_dir.parents) if not path.stat().st_mode & 0o001]
    problem = f"a container's root cannot pass through {', '.join(closed)}" if closed else ""
    yield _finding("Way to the containers", problem, "open", f"chmod o+x {' '.join(closed)}")
    yield _filesystem(layout)
    free = files.free_bytes(layout.data_dir)
    problem = f"{free >> 20} MiB are free" if free < _LITTLE_SPACE else ""
    yield _finding(
        "Disk space", problem, f"{free >> 30} GiB free", "Remove layers and volumes that nothing uses", bad=Level.WARNING
    )
    is_same = layout.hook.exists() and layout.hook.read_bytes() == Path(hook.__file__).read_bytes()
    problem = "" if is_same else f"{layout.hook} is not this version's"
    yield _finding("Hook", problem, str(layout.hook), "`make run` installs it")


def _filesystem(layout: Layout) -> Finding:
    kind = files.filesystem(layout.containers)
    problem = f"{kind} cannot hold the writable layer of an overlay" if kind in _NO_UPPER else ""
    if layout.containers.stat().st_dev != layout.layers.stat().st_dev:
        problem = f"{layout.containers} and {layout.layers} are on two file systems: a build container cannot be mounted"
    return _finding("File system", problem, kind, "Set SPOCWEB_DATA_DIR to a directory on ext4, xfs or btrfs")


def _network(bridge: str, subnet: IPv4Network) -> Iterator[Finding]:
    try:
        missing = "; ".join(network.look(bridge, subnet))
        blocking = ", ".join(firewall.blocking_chains(Runner(), bridge))
    except CommandFailed as error:
        yield Finding(Level.ERROR, "Network", error.brief, "See above: a program is missing")
        return
    yield _finding("Network", missing, f"{bridge}, {subnet}", "The monitor sets it up within a minute", bad=Level.WARNING)
    problem = f"{blocking} drops forwarded packets, also the containers'" if blocking else ""
    advice = f'Accept there what comes from and goes to "{bridge}"'
    yield _finding("Firewall", problem, "nothing else drops forwarded packets", advice, bad=Level.WARNING)
