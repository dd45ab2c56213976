"""The containers' network: a bridge with the host's address, forwarding, and masquerading in a table of our own."""

from __future__ import annotations

import json
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Final

from containers.domain.addresses import hardware_address, host_address
from containers.errors import HostError
from containers.host import firewall, ports
from containers.host.command import Runner

_NET: Final = Path("/sys/class/net")
_FORWARD: Final = Path("/proc/sys/net/ipv4/ip_forward")
_TIMEOUT_S: Final = 15
_TRIES: Final = 20

_IFF_UP: Final = 1


def has_bridge(bridge: str) -> bool:
    """Return whether the bridge is there and up; no command is run."""
    try:
        flags = int((_NET / bridge / "flags").read_text(), 16)
    except FileNotFoundError:
        return False
    return (_NET / bridge / "bridge").is_dir() and bool(flags & _IFF_UP)


def look(bridge: str, subnet: IPv4Network) -> list[str]:
    """Return what is missing, as sentences; nothing is changed and nothing recorded."""
    missing = []
    if not has_bridge(bridge):
        missing.append(f"there is no bridge {bridge}")
    elif not _has_address(bridge, subnet, Runner()):
        missing.append(f"{bridge} does not have the address {host_address(subnet)}/{subnet.prefixlen}")
    if _FORWARD.read_text().strip() == "0":
        missing.append("the host does not forward packets")
    if not firewall.is_set(bridge, subnet, Runner()):
        missing.append(f"the firewall table {firewall.table_name(bridge)} is missing or another one")
    return missing


def ensure(bridge: str, subnet: IPv4Network, runner: Runner) -> bool:
    """Set up what is missing; return whether that changed anything. Raises HostError, CommandFailed."""
    if not look(bridge, subnet):
        return False
    if (_NET / bridge).exists() and not (_NET / bridge / "bridge").is_dir():
        raise HostError(f"{bridge} exists and is not a bridge", resolution="Choose another SPOCWEB_BRIDGE")
    _refuse_overlap(bridge, subnet, runner)
    if not (_NET / bridge).exists():
        # A hardware address of its own: it would take one of its containers', and change with them.
        address = hardware_address(host_address(subnet))
        _run(runner, "ip", "link", "add", "name", bridge, "address", address, "type", "bridge")
    _set_address(bridge, subnet, runner)
    if not has_bridge(bridge):
        _run(runner, "ip", "link", "set", "dev", bridge, "up")
    if _FORWARD.read_text().strip() == "0":
        runner.recorder.note("switches on the forwarding of packets")
        _FORWARD.write_text("1\n")
    if not firewall.is_set(bridge, subnet, runner):
        firewall.set_table(bridge, subnet, runner)
    return True


def remove(bridge: str, runner: Runner) -> bool:
    """Remove the bridge and the table; return whether anything was there. Forwarding stays on: others may need it."""
    removed = ports.remove(bridge, runner)
    if (_NET / bridge / "bridge").is_dir():
        _run(runner, "ip", "link", "delete", "dev", bridge, "type", "bridge")
        removed = True
    return firewall.remove_table(bridge, runner) or removed


def _has_address(bridge: str, subnet: IPv4Network, runner: Runner) -> bool:
    return (bridge, IPv4Interface(f"{host_address(subnet)}/{subnet.prefixlen}")) in _addresses(runner)


def _set_address(bridge: str, subnet: IPv4Network, runner: Runner) -> None:
    if _has_address(bridge, subnet, runner):
        return
    if any(name == bridge for name, _ in _addresses(runner)):
        # Another subnet was set before.
        _run(runner, "ip", "address", "flush", "dev", bridge)
    _run(runner, "ip", "address", "add", f"{host_address(subnet)}/{subnet.prefixlen}", "broadcast", "+", "dev", bridge)


def _refuse_overlap(bridge: str, subnet: IPv4Network, runner: Runner) -> None:
    """Raise HostError if another interface is in the subnet: the kernel would send the containers' packets there."""
    for name, address in _addresses(runner):
        if name != bridge and address.network.overlaps(subnet):
            text = f"{subnet} overlaps with {address.network}, which {name} is in"
            raise HostError(text, resolution="Choose another SPOCWEB_SUBNET")


def _addresses(runner: Runner) -> list[tuple[str, IPv4Interface]]:
    """Return each interface's name with each of its addresses."""
    return [
        (interface["ifname"], IPv4Interface(f"{address['local']}/{address['prefixlen']}"))
        for interface in json.loads(_list_interfaces(runner))
        for address in interface["addr_info"]
    ]


def _list_interfaces(runner: Runner) -> str:
    for _ in range(_TRIES):
        output = runner.run(["ip", "-json", "-4", "address"], timeout_s=_TIMEOUT_S, record=False).output
        # When interfaces come and go meanwhile, ip says so before what it then calls inconsistent.
        if output.startswith("["):
            return output
    raise HostError("ip cannot list the interfaces", output)


def _run(runner: Runner, *argv: str) -> None:
    runner.run(argv, timeout_s=_TIMEOUT_S)
