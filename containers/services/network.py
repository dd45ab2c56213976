"""The containers' network as rows and settings know it: who has which address, how many are left, what the host lacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network

from django.conf import settings

from containers.domain.addresses import hardware_address, host_address, is_container_address, next_address
from containers.errors import AddressesExhausted
from containers.models import Container, Host
from containers.services import hosts


@dataclass(frozen=True)
class Lease:
    """A container's address, kept from its creation until it is destroyed. `is_valid`: it is one of this subnet."""

    container: Container
    address: str
    hardware_address: str
    is_valid: bool


@dataclass(frozen=True)
class Network:
    """`missing` is what the host lacked at `seen_at`, in sentences; None is when nobody has looked yet."""

    bridge: str
    subnet: IPv4Network
    leases: tuple[Lease, ...]
    missing: tuple[str, ...]
    seen_at: datetime | None

    @property
    def gateway(self) -> str:
        """The host's own address."""
        return host_address(self.subnet)

    @property
    def reserved(self) -> tuple[tuple[str, str], ...]:
        """Addresses that no container gets, each with what it is: "network", "host" or "broadcast"."""
        ends = (str(self.subnet.network_address), "network"), (str(self.subnet.broadcast_address), "broadcast")
        return (ends[0], (self.gateway, "host"), ends[1])

    @property
    def size(self) -> int:
        """How many containers there can be."""
        return self.subnet.num_addresses - len(self.reserved)

    @property
    def used(self) -> int:
        """How many addresses of the subnet are taken."""
        return sum(lease.is_valid for lease in self.leases)

    @property
    def free(self) -> int:
        """How many are left."""
        return self.size - self.used

    @property
    def next(self) -> str | None:
        """The address that the next container gets; None when the subnet is full."""
        try:
            return next_address(self.subnet, [lease.address for lease in self.leases])
        except AddressesExhausted:
            return None


def overview() -> Network:
    """Return the network of this host, leases in the order of their addresses; two queries."""
    host = hosts.current()
    rows = sorted(hosts.containers().select_related("last_job"), key=lambda row: _number(row.address))
    leases = tuple(Lease(row, row.address, _hardware(row.address), _is_valid(row.address)) for row in rows)
    return Network(settings.BRIDGE, settings.SUBNET, leases, _missing(host), host.network_seen_at)


def record_look(host: Host, missing: list[str], at: datetime) -> None:
    """Write what the host's network lacks. Root's processes only."""
    Host.objects.filter(pk=host.pk).update(network_missing=missing, network_seen_at=at)


def _missing(host: Host) -> tuple[str, ...]:
    return tuple(str(text) for text in host.network_missing) if isinstance(host.network_missing, list) else ()


def _is_valid(address: str) -> bool:
    return is_container_address(settings.SUBNET, address)


def _number(address: str) -> int:
    try:
        return int(IPv4Address(address))
    except ValueError:
        # Changed behind the forms' back: it is shown, and said to be none.
        return 0


def _hardware(address: str) -> str:
    return hardware_address(address) if _is_valid(address) else ""
