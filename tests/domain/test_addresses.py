from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.addresses import hardware_address, host_address, is_container_address, next_address
from containers.errors import AddressesExhausted

SUBNET = IPv4Network("10.88.0.0/22")
SMALL = IPv4Network("10.0.0.8/29")


def test_the_host_has_the_first_address() -> None:
    assert host_address(SUBNET) == "10.88.0.1"
    assert host_address(IPv4Network("192.168.7.64/26")) == "192.168.7.65"


def test_the_lowest_free_address_is_next() -> None:
    assert next_address(SUBNET, []) == "10.88.0.2"
    assert next_address(SUBNET, ["10.88.0.2", "10.88.0.4"]) == "10.88.0.3"


def test_what_is_used_elsewhere_does_not_count() -> None:
    assert next_address(SMALL, ["10.0.1.2", "not an address"]) == "10.0.0.10"


def test_a_full_subnet_is_an_error_that_says_what_to_do() -> None:
    used = [f"10.0.0.{number}" for number in range(10, 15)]
    assert next_address(SMALL, used[:-1]) == "10.0.0.14"
    with pytest.raises(AddressesExhausted, match=r"No address is left in 10\.0\.0\.8/29\. Destroy a container"):
        next_address(SMALL, used)


def test_the_smallest_subnet_has_one_address() -> None:
    subnet = IPv4Network("10.0.0.0/30")
    assert next_address(subnet, []) == "10.0.0.2"
    with pytest.raises(AddressesExhausted):
        next_address(subnet, ["10.0.0.2"])


def test_addresses_run_out_after_the_last_one_and_no_address_comes_twice() -> None:
    used: list[str] = []
    subnet = IPv4Network("10.1.0.0/26")
    for _ in range(61):
        used.append(next_address(subnet, used))
    assert used == [f"10.1.0.{number}" for number in range(2, 63)]
    with pytest.raises(AddressesExhausted):
        next_address(subnet, used)


@given(st.integers(0, 2**32 - 1), st.integers(8, 30), st.sets(st.integers(1, 300)))
def test_the_next_address_is_free_and_for_a_container(start: int, prefix: int, taken: set[int]) -> None:
    subnet = IPv4Network((start, prefix), strict=False)
    used = {str(IPv4Address((int(subnet.network_address) + number) % 2**32)) for number in taken}
    try:
        address = next_address(subnet, used)
    except AddressesExhausted:
        assert all(str(host) in used for host in list(subnet.hosts())[1:])
    else:
        assert address not in used
        assert is_container_address(subnet, address)


@pytest.mark.parametrize("address", ["10.88.0.2", "10.88.1.0", "10.88.1.255", "10.88.3.254"])
def test_these_are_for_containers(address: str) -> None:
    assert is_container_address(SUBNET, address)


@pytest.mark.parametrize(
    "address",
    ["10.88.0.0", "10.88.0.1", "10.88.3.255", "10.88.4.0", "10.87.255.255", "", "web", "10.88.0.2/22", "::1", "10.88.0.02"],
)
def test_these_are_not_for_containers(address: str) -> None:
    assert not is_container_address(SUBNET, address)


def test_a_hardware_address_follows_from_the_address() -> None:
    assert hardware_address("10.88.0.2") == "0e:5c:0a:58:00:02"


@given(st.ip_addresses(v=4))
def test_hardware_addresses_are_local_and_for_one_interface(address: IPv4Address) -> None:
    first = int(hardware_address(str(address))[:2], 16)
    assert first & 0b10
    assert not first & 0b01
