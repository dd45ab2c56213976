"""Bridge, address, forwarding and our firewall table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from containers.errors import HostError
from containers.host import firewall, network
from containers.host.command import Runner
from tests.support.box import Box
from tests.support.recorder import KeepingRecorder

pytestmark = pytest.mark.lxc


@pytest.fixture
def own(slot: str) -> Iterator[str]:
    """A bridge for this test alone, with every character that its name may have."""
    name = f"sp.n-{slot}_x"
    yield name
    network.remove(name, Runner())
    assert not Path("/sys/class/net", name).exists()
    assert f"spocweb_{name}" not in tables()


@pytest.fixture
def other_subnet(slot: str) -> IPv4Network:
    return IPv4Network(f"10.196.{slot}.0/25")


def run(*argv: str) -> str:
    return Runner().run(argv, timeout_s=120).output


def tables() -> list[str]:
    return [item["table"]["name"] for item in json.loads(run("nft", "--json", "list", "tables"))["nftables"] if "table" in item]


def address(bridge: str) -> list[str]:
    [found] = json.loads(run("ip", "-json", "-4", "address", "show", "dev", bridge))
    return [f"{info['local']}/{info['prefixlen']} {info['broadcast']}" for info in found["addr_info"]]


def test_what_is_missing_is_said_and_then_made(own: str, other_subnet: IPv4Network) -> None:
    assert network.look(own, other_subnet)[0] == f"there is no bridge {own}"
    assert not network.has_bridge(own)
    recorder = KeepingRecorder()

    assert network.ensure(own, other_subnet, Runner(recorder)) is True

    assert network.look(own, other_subnet) == []
    assert network.has_bridge(own)
    assert recorder.programs == ["ip", "ip", "ip", "nft"]
    assert address(own) == [f"{other_subnet.network_address + 1}/25 {other_subnet.broadcast_address}"]
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"


def test_it_is_done_once(own: str, other_subnet: IPv4Network) -> None:
    network.ensure(own, other_subnet, Runner())
    recorder = KeepingRecorder()

    assert network.ensure(own, other_subnet, Runner(recorder)) is False

    assert recorder.programs == []


def test_the_rules_masquerade_what_leaves_and_accept_both_ways(own: str, other_subnet: IPv4Network) -> None:
    network.ensure(own, other_subnet, Runner())

    rules = run("nft", "list", "table", "ip", f"spocweb_{own}")

    assert f"ip saddr {other_subnet} ip daddr != {other_subnet} masquerade" in rules
    assert f'iifname "{own}" accept' in rules
    assert f'oifname "{own}" accept' in rules


@pytest.mark.parametrize(
    "damage",
    [
        ["ip", "link", "set", "{own}", "down"],
        ["ip", "address", "flush", "dev", "{own}"],
        ["ip", "link", "delete", "{own}"],
        ["nft", "delete", "table", "ip", "spocweb_{own}"],
        ["nft", "flush", "chain", "ip", "spocweb_{own}", "forward"],
    ],
)
def test_what_was_damaged_is_mended(own: str, other_subnet: IPv4Network, damage: list[str]) -> None:
    network.ensure(own, other_subnet, Runner())
    run(*(word.format(own=own) for word in damage))
    assert len(network.look(own, other_subnet)) == 1

    assert network.ensure(own, other_subnet, Runner()) is True
    assert network.look(own, other_subnet) == []


def test_another_subnet_takes_the_place_of_the_old_one(own: str, other_subnet: IPv4Network) -> None:
    first, second = other_subnet, IPv4Network(f"{other_subnet.network_address + 128}/25")
    network.ensure(own, first, Runner())

    network.ensure(own, second, Runner())

    assert address(own) == [f"{second.network_address + 1}/25 {second.broadcast_address}"]
    assert str(first) not in run("nft", "list", "table", "ip", f"spocweb_{own}")


def test_two_stacks_stand_side_by_side_and_one_goes_alone(
    own: str, other_subnet: IPv4Network, wire: str, subnet: IPv4Network
) -> None:
    network.ensure(own, other_subnet, Runner())

    assert network.remove(own, Runner()) is True
    assert network.remove(own, Runner()) is False

    assert network.look(wire, subnet) == []


def test_a_subnet_that_is_used_already_is_refused(own: str, wire: str, subnet: IPv4Network) -> None:
    with pytest.raises(HostError, match=f"^{subnet} overlaps with {subnet}, which {wire} is in. Choose another SPOCWEB_SUBNET$"):
        network.ensure(own, subnet, Runner())

    assert not Path("/sys/class/net", own).exists()


def test_an_interface_that_is_no_bridge_is_left_alone(own: str, other_subnet: IPv4Network, slot: str) -> None:
    run("ip", "link", "add", "name", own, "type", "veth", "peer", "name", "sppeer" + slot)
    try:
        with pytest.raises(HostError, match=f"^{own} exists and is not a bridge"):
            network.ensure(own, other_subnet, Runner())
        assert network.remove(own, Runner()) is False
        assert Path("/sys/class/net", own).exists()
    finally:
        run("ip", "link", "delete", own)


def test_a_chain_of_others_that_drops_is_found(own: str, other_subnet: IPv4Network, slot: str) -> None:
    network.ensure(own, other_subnet, Runner())
    table = f"spt_other_{slot}"
    chain = 'type filter hook forward priority 5; policy drop;\niifname != "lo" accept\n'
    rules = f"table ip {table} {{\nchain passing {{\n{chain}}}\n}}\n"
    Runner().run(["nft", "-f", "-"], input=rules.encode(), timeout_s=120)
    try:
        assert f"ip {table} passing" in firewall.blocking_chains(Runner(), own)
        run("nft", "add", "rule", "ip", table, "passing", "oifname", own, "accept")
        assert f"ip {table} passing" not in firewall.blocking_chains(Runner(), own)
    finally:
        run("nft", "delete", "table", "ip", table)


def test_containers_reach_each_other_by_address_and_the_host(box: Box) -> None:
    first, second = box.start("one"), box.start("two")
    host = str(box.subnet.network_address + 1)

    for target in (box.addresses[second], host):
        assert box.shell(first, f"ping -c 1 -W 5 {target}").exit_code == 0
    assert box.shell(first, "ip route").output.split()[:3] == ["default", "via", host]
