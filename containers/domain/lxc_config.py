"""The text of a container's LXC configuration, and LXC's own reading of such text. Pure.

Everything is refused that LXC could read in another way than it was meant; nothing is escaped. Writing the file
is `containers.host.config`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from containers.domain.addresses import hardware_address, host_address, is_container_address
from containers.domain.definition import DEFAULT_CMD, DEFAULT_CWD, DEFAULT_HALT, Definition
from containers.domain.init_cmd import init_cmd
from containers.domain.layout import Layout
from containers.domain.limits import Limits
from containers.domain.names import HOSTS_MOUNTPOINT
from containers.domain.spec import ContainerSpec
from containers.domain.text import check_text, shown
from containers.errors import InvalidRequest

__all__ = ["ConfigContext", "Item", "init_cmd", "items", "parse", "render"]

Item = tuple[str, str]

HEADER: Final = "# Written by spocweb from the container's definition before every start; changes here are lost."
INCLUDES: Final = ("/usr/share/lxc/config/common.conf", "/usr/share/lxc/config/userns.conf")
# userns.conf empties common.conf's list. A user namespace makes these powerless over the host already: this is
# the second wall, where the kernel forgets the first.
DROPPED_CAPABILITIES: Final = (
    "audit_control audit_read block_suspend linux_immutable mac_admin mac_override"
    " sys_module sys_rawio sys_time syslog wake_alarm"
)
# LXC begins the file anew when it is full. It rounds other sizes up to a power of two.
CONSOLE_BYTES: Final = 1024 * 1024
CPU_PERIOD_US: Final = 100_000

# Paths of ours stand between blanks in mount entries and behind `sh -c` in hooks.
_SAFE_PATH: Final = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+", re.ASCII)
_SAFE_INTERFACE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,14}", re.ASCII)
_BLANK: Final = " \t"
_QUOTES: Final = "\"'"


@dataclass(frozen=True)
class ConfigContext:
    """What the host decides about a configuration: directories, network, id map, what its kernel has."""

    layout: Layout
    bridge: str
    subnet: IPv4Network
    idmap_base: int
    idmap_size: int
    cgroup2: bool
    apparmor: bool


def render(spec: ContainerSpec, address: str, context: ConfigContext) -> str:
    """Return the whole text; the same arguments always make the same text. Raises InvalidRequest."""
    expected = items(spec, address, context)
    text = "".join(f"{line}\n" for line in (HEADER, *(f"{key} = {_quoted(value)}" for key, value in expected)))
    if parse(text) != expected:
        raise InvalidRequest(f"{spec.name} has a value that LXC would read in another way")
    return text


def items(spec: ContainerSpec, address: str, context: ConfigContext) -> tuple[Item, ...]:
    """Return every key with its value as LXC must read it, in a fixed order. Raises InvalidRequest.

    The specification is validated once more: whoever made it, by whatever way, nothing else gets into a file.
    """
    spec = ContainerSpec.parse(spec.model_dump(warnings=False), idmap_size=context.idmap_size)
    if not is_container_address(context.subnet, address):
        raise InvalidRequest.of("address", f"{shown(address)} is not an address for containers in {context.subnet}")
    try:
        return tuple((key, _checked(value)) for key, value in _sections(spec, address, context))
    except ValueError as error:
        raise InvalidRequest(f"the configuration of {spec.name} {error}") from error


def _checked(value: str) -> str:
    if not value:
        raise ValueError("has an empty value, which would empty a list")
    return check_text(value)


def _sections(spec: ContainerSpec, address: str, context: ConfigContext) -> Iterator[Item]:
    yield from (("lxc.include", path) for path in INCLUDES)
    yield "lxc.uts.name", spec.name
    yield from _root(spec, context)
    yield from _hooks(spec.definition, context.layout)
    yield from _mounts(spec.definition, context.layout)
    yield from _network(address, context)
    yield from _init(spec.definition)
    yield from _limits(spec.limits, cgroup2=context.cgroup2)
    yield "lxc.console.logfile", _safe_path(context.layout.log(spec.name))
    yield "lxc.console.size", str(CONSOLE_BYTES)
    yield "lxc.start.auto", "0"


def _root(spec: ContainerSpec, context: ConfigContext) -> Iterator[Item]:
    yield "lxc.rootfs.path", f"dir:{_safe_path(context.layout.rootfs(spec.name))}"
    yield from (("lxc.idmap", f"{kind} 0 {context.idmap_base} {context.idmap_size}") for kind in "ug")
    yield "lxc.cap.drop", DROPPED_CAPABILITIES
    if context.apparmor:
        yield "lxc.apparmor.profile", "generated"


def _hooks(definition: Definition, layout: Layout) -> Iterator[Item]:
    # Version 0 would append arguments of LXC's own.
    yield "lxc.hook.version", "1"
    program = f"/usr/bin/python3 -I -S {_safe_path(layout.hook)}"
    build = ("--build",) if definition.build else ()
    volumes = [f"{mount.volume}:file" if mount.is_file else mount.volume for mount in definition.mount_specs]
    arguments = (*build, *definition.layers, *(("--", *volumes) if volumes else ()))
    yield "lxc.hook.pre-start", f"{program} pre-start {' '.join(arguments)}"
    yield "lxc.hook.post-stop", f"{program} post-stop"


def _mounts(definition: Definition, layout: Layout) -> Iterator[Item]:
    # A directory before what is mounted below it: the other way round it would hide that.
    for mount in sorted(definition.mount_specs, key=lambda mount: mount.mountpoint.count("/")):
        # LXC 5.0.2 remounts, and so heeds nosuid and nodev, only where the source's file system has flags of its own.
        source = _safe_path(layout.volume(mount.volume))
        kind = "file" if mount.is_file else "dir"
        yield "lxc.mount.entry", f"{source} {mount.mountpoint} none bind,nosuid,nodev,create={kind} 0 0"
    yield "lxc.mount.entry", f"{_safe_path(layout.hosts)} {HOSTS_MOUNTPOINT} none bind,ro,nosuid,nodev,create=file 0 0"


def _network(address: str, context: ConfigContext) -> Iterator[Item]:
    if not _SAFE_INTERFACE.fullmatch(context.bridge):
        raise ValueError(f"cannot name the bridge {context.bridge!r}")
    yield "lxc.net.0.type", "veth"
    yield "lxc.net.0.link", context.bridge
    yield "lxc.net.0.flags", "up"
    yield "lxc.net.0.name", "eth0"
    yield "lxc.net.0.hwaddr", hardware_address(address)
    # Left to itself, LXC 5.0.2 computes a broadcast address such as 0.0.3.255.
    yield "lxc.net.0.ipv4.address", f"{address}/{context.subnet.prefixlen} {context.subnet.broadcast_address}"
    yield "lxc.net.0.ipv4.gateway", host_address(context.subnet)


def _init(definition: Definition) -> Iterator[Item]:
    yield "lxc.init.cmd", init_cmd(definition.cmd or DEFAULT_CMD)
    yield "lxc.init.uid", definition.uid or "0"
    yield "lxc.init.gid", definition.gid or "0"
    # LXC drops needless slashes itself, and then would not read back what was written.
    yield "lxc.init.cwd", "/" + "/".join(part for part in (definition.cwd or DEFAULT_CWD).split("/") if part)
    yield "lxc.signal.halt", definition.halt or DEFAULT_HALT
    # Always with "=": a bare name would copy the value from whoever starts the container.
    yield from (("lxc.environment", f"{key}={value}") for key, value in definition.env.items())


def _limits(limits: Limits, *, cgroup2: bool) -> Iterator[Item]:
    prefix, memory = ("lxc.cgroup2", "memory.max") if cgroup2 else ("lxc.cgroup", "memory.limit_in_bytes")
    if limits.memory_bytes is not None:
        yield f"{prefix}.{memory}", str(limits.memory_bytes)
    if limits.cpus is not None:
        quota_us = round(limits.cpus * CPU_PERIOD_US)
        # Version 1 keeps the period in a file of its own, with this default.
        yield (f"{prefix}.cpu.max", f"{quota_us} {CPU_PERIOD_US}") if cgroup2 else (f"{prefix}.cpu.cfs_quota_us", str(quota_us))
    if limits.pids is not None:
        yield f"{prefix}.pids.max", str(limits.pids)


def _safe_path(path: Path) -> str:
    if not _SAFE_PATH.fullmatch(str(path)):
        raise ValueError(f"cannot name the path {str(path)!r}")
    return str(path)


def _quoted(value: str) -> str:
    """Put quotes around what LXC would take blanks or quotes off at the ends; it takes off one pair of them."""
    loses_quotes = len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    return f'"{value}"' if loses_quotes or value != value.strip(_BLANK) else value


def parse(text: str) -> tuple[Item, ...]:
    """Read as LXC 5.0.2 does (parse.c, confile.c); raise ValueError for a line that it refuses as a whole.

    Lines end at a line feed, a carriage return or a NUL; a "#" or anything else that is not "lxc." in front makes a
    line a comment; blanks at the ends and one pair of equal quotes around a value go.
    """
    lines = (line.lstrip(_BLANK) for line in re.split("[\r\n\0]", text))
    return tuple(_item(line) for line in lines if line.startswith("lxc."))


def _item(line: str) -> Item:
    key, separator, value = line.partition("=")
    if not separator:
        raise ValueError(f"no '=' in {line!r}")
    value = value.strip(_BLANK)
    if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
        value = value[1:-1]
    return key.rstrip(_BLANK), value
