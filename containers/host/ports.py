"""Ports of the host that lead to containers: a table of our own beside the network's, replaced as a whole.

From elsewhere, from the host itself under each of its addresses, 127.0.0.1 included, and from containers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Final

from containers.errors import CommandFailed
from containers.host.command import Runner

_TIMEOUT_S: Final = 15
_LISTEN: Final = "0A"
_PROC: Final = Path("/proc")
_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


@dataclass(frozen=True, order=True)
class Forward:
    """A port of the host, and where it leads."""

    port: int
    address: str
    container_port: int

    def __post_init__(self) -> None:
        # All of it becomes text that nft reads.
        if not (1 <= self.port <= 65_535 and 1 <= self.container_port <= 65_535):
            raise ValueError(f"{self.port} to {self.container_port}: no ports")
        IPv4Address(self.address)


def table_name(bridge: str) -> str:
    """Return the name of the nftables table of a bridge's ports."""
    return f"spocweb_{bridge}_ports"


def rules(bridge: str, subnet: IPv4Network, forwards: Iterable[Forward]) -> str:
    """Return the table as nft reads it: in one transaction the old one goes and the new one comes."""
    table = f"table ip {table_name(bridge)}"
    known = sorted(forwards)
    lines = "\n".join(
        f"    fib daddr type local tcp dport {item.port} dnat to {item.address}:{item.container_port}" for item in known
    )
    # Packets to 127.0.0.0/8 that come by the bridge would reach what listens for the host alone (`route_localnet`).
    return f"""\
{table}
delete {table}
{table} {{
  chain guard {{
    type filter hook prerouting priority raw; policy accept;
    iifname "{bridge}" ip daddr 127.0.0.0/8 drop comment "{_mark(subnet, known)}"
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
{lines}
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
{lines}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 127.0.0.0/8 ip daddr {subnet} masquerade
    ip saddr {subnet} ip daddr {subnet} ct status dnat masquerade
  }}
}}
"""


def is_set(bridge: str, subnet: IPv4Network, forwards: Iterable[Forward], runner: Runner) -> bool:
    """Return whether exactly these ports are led on; where there are none, no table is needed."""
    known = sorted(forwards)
    found = _list_table(bridge, runner)
    if not known or found is None:
        return not known and found is None
    marks = [rule.get("comment") for item in found if (rule := item.get("rule"))]
    # Guard, two for each port, two that rewrite senders.
    return _mark(subnet, known) in marks and len(marks) == 3 + 2 * len(known) and _routes_loopback(bridge)


def ensure(bridge: str, subnet: IPv4Network, forwards: Iterable[Forward], runner: Runner) -> bool:
    """Lead exactly these ports on; return whether that changed anything. The bridge is there. Raises CommandFailed."""
    known = sorted(forwards)
    if is_set(bridge, subnet, known, runner):
        return False
    if not known:
        return remove(bridge, runner)
    runner.run(["nft", "-f", "-"], input=rules(bridge, subnet, known).encode(), timeout_s=_TIMEOUT_S)
    # Only now: the table keeps containers from what listens on 127.0.0.1.
    _route_localnet(bridge).write_text("1\n")
    return True


def remove(bridge: str, runner: Runner) -> bool:
    """Remove the table; return whether it was there."""
    if (switch := _route_localnet(bridge)).exists():
        switch.write_text("0\n")
    if _list_table(bridge, runner) is None:
        return False
    # Declared first: it may have gone meanwhile.
    table = f"table ip {table_name(bridge)}"
    runner.run(["nft", "-f", "-"], input=f"{table}\ndelete {table}\n".encode(), timeout_s=_TIMEOUT_S)
    return True


def listening() -> set[int]:
    """Return the TCP ports that programs of the host listen on: whoever takes one of them would take it from them."""
    return {port for port, _inode in _listening()}


def program_on(port: int) -> str:
    """Return what the program is called that listens on a port; empty where nobody can be found."""
    sockets = {f"socket:[{inode}]" for taken, inode in _listening() if taken == port}
    for process in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if any(str(file.readlink()) in sockets for file in (process / "fd").iterdir()):
                return (process / "comm").read_text().strip()
    return ""


def _listening() -> Iterator[tuple[int, str]]:
    """Yield port and socket's inode (proc(5), /proc/net/tcp)."""
    for table in _TABLES:
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                yield int(fields[1].rpartition(":")[2], 16), fields[9]


def _mark(subnet: IPv4Network, forwards: list[Forward]) -> str:
    text = f"{subnet} {[(item.port, item.address, item.container_port) for item in forwards]}"
    return hashlib.sha256(text.encode()).hexdigest()


def _route_localnet(bridge: str) -> Path:
    return Path("/proc/sys/net/ipv4/conf") / bridge / "route_localnet"


def _routes_loopback(bridge: str) -> bool:
    switch = _route_localnet(bridge)
    return switch.exists() and switch.read_text().strip() == "1"


def _list_table(bridge: str, runner: Runner) -> list[dict[str, Any]] | None:
    argv = ["nft", "--json", "list", "table", "ip", table_name(bridge)]
    try:
        items: list[dict[str, Any]] = json.loads(runner.run(argv, timeout_s=_TIMEOUT_S, record=False).output)["nftables"]
    except CommandFailed as error:
        if "No such file or directory" in error.output:
            return None
        raise
    return items
