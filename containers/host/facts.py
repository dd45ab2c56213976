"""What runs on this host right now, as cheaply as the kernel lets us ask."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.domain.states import State
from containers.errors import CommandFailed
from containers.host import tools
from containers.host.command import Runner
from containers.host.system import has_apparmor, has_cgroup2

__all__ = [
    "Look",
    "ask",
    "boot_id",
    "has_apparmor",
    "has_cgroup2",
    "is_running",
    "look",
    "looks",
    "running_names",
    "socket_address",
]

_INFO_TIMEOUT_S: Final = 10
_SOCKETS: Final = Path("/proc/net/unix")
# sizeof(sun_path) less the two NULs that LXC reserves (commands_utils.c, lxc_make_abstract_socket_name).
_MAX_SOCKET_NAME: Final = 106
_ANSWER: Final = re.compile(r"^(State|PID):\s+(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Look:
    """What LXC says about a container; `pid` is its init process on the host, while there is one."""

    state: State
    pid: int | None = None


STOPPED: Final = Look(State.STOPPED)


def running_names(layout: Layout) -> set[str]:
    """Return the containers whose monitor answers: one read, no program. A container in post-stop is not among them."""
    sockets = _socket_names()
    prefix, suffix = f"{layout.containers}/", "/command"
    names = {name[len(prefix) : -len(suffix)] for name in sockets if name.startswith(prefix) and name.endswith(suffix)}
    if any(name.startswith("lxc/") for name in sockets):
        names |= {name for name in _container_names(layout) if _socket_name(layout, name) in sockets}
    return names


def is_running(layout: Layout, name: str) -> bool:
    """Return whether the container's monitor answers, in whatever state the container is."""
    return _socket_name(layout, name) in _socket_names()


def look(layout: Layout, runner: Runner, name: str) -> Look:
    """Return the state of one container; one that does not run costs no command."""
    return ask(layout, runner, name) if is_running(layout, name) else STOPPED


def looks(layout: Layout, runner: Runner, names: Iterable[str]) -> dict[str, Look]:
    """Return the state of each container; only those that run cost a command."""
    running = running_names(layout)
    return {name: ask(layout, runner, name) if name in running else STOPPED for name in names}


def ask(layout: Layout, runner: Runner, name: str) -> Look:
    """Ask LXC about one container. It is not recorded: looking changes nothing."""
    try:
        output = runner.run(tools.command(layout, name, "lxc-info", "-s", "-p"), timeout_s=_INFO_TIMEOUT_S, record=False).output
    except CommandFailed:
        return Look(State.UNKNOWN)
    answer = dict(_ANSWER.findall(output))
    state = answer.get("State", "")
    pid = answer.get("PID", "")
    return Look(State(state) if state in State.__members__ else State.UNKNOWN, int(pid) if pid.isdigit() else None)


def boot_id() -> str:
    """Return what the kernel calls this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _socket_names() -> set[str]:
    lines = _SOCKETS.read_text(errors="replace").split("\n")
    return {line.rpartition(" @")[2] for line in lines if line.endswith("/command")}


def socket_address(layout: Layout, name: str) -> bytes:
    """Return the abstract address at which a running container's monitor listens."""
    return b"\0" + os.fsencode(_socket_name(layout, name))


def _socket_name(layout: Layout, name: str) -> str:
    path = f"{layout.containers}/{name}"
    plain = f"{path}/command"
    # LXC hashes what is too long for an address.
    return plain if len(plain) < _MAX_SOCKET_NAME else f"lxc/{_fnv_1a(path.encode()):016x}/command"


def _fnv_1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def _container_names(layout: Layout) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(layout.containers)]
    except FileNotFoundError:
        return []
