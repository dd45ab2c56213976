"""Addresses in the bridge's subnet: the host has the first, each container keeps one of the others. Pure."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network

from containers.errors import AddressesExhausted


def host_address(subnet: IPv4Network) -> str:
    """Return the host's address on the bridge, the containers' gateway."""
    return str(subnet.network_address + 1)


def is_container_address(subnet: IPv4Network, address: str) -> bool:
    """Whether a container may have `address`: in the subnet, and neither its ends nor the host's."""
    try:
        value = IPv4Address(address)
    except ValueError:
        return False
    return subnet.network_address + 1 < value < subnet.broadcast_address


def next_address(subnet: IPv4Network, used: Collection[str]) -> str:
    """Return the lowest address that no container has; raise AddressesExhausted when the subnet is full."""
    taken = frozenset(used)
    for number in range(int(subnet.network_address) + 2, int(subnet.broadcast_address)):
        if (address := str(IPv4Address(number))) not in taken:
            return address
    raise AddressesExhausted(
        f"No address is left in {subnet}", resolution="Destroy a container, or start with a larger SPOCWEB_SUBNET"
    )


def hardware_address(address: str) -> str:
    """Return a MAC address that only this address has: locally administered, not a group, the address at its end."""
    return ":".join(f"{byte:02x}" for byte in (0x0E, 0x5C, *IPv4Address(address).packed))
