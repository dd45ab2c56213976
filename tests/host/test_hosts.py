"""The hosts file that all containers share."""

from __future__ import annotations

import threading

import pytest

from containers.domain.layout import Layout
from containers.host import hosts
from tests.support.box import Box

HEAD = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def test_it_is_changed_in_place(layout: Layout) -> None:
    hosts.write(layout, {})
    inode = layout.hosts.stat().st_ino

    assert hosts.write(layout, {"web": "10.0.0.3", "db": "10.0.0.2"}) is True
    assert layout.hosts.read_text() == f"{HEAD}10.0.0.2\tdb\n10.0.0.3\tweb\n"
    assert hosts.write(layout, {"db": "10.0.0.2", "web": "10.0.0.3"}) is False
    assert hosts.write(layout, {"db": "10.0.0.2"}) is True

    assert layout.hosts.read_text() == f"{HEAD}10.0.0.2\tdb\n"
    assert layout.hosts.stat().st_ino == inode
    hosts.write(layout, {})


@pytest.mark.parametrize(
    ("name", "address"), [("a b", "10.0.0.2"), ("x\n1.1.1.1 y", "10.0.0.2"), ("web", "10.0.0.2 evil"), ("web", "")]
)
def test_nothing_but_names_and_addresses_gets_in(layout: Layout, name: str, address: str) -> None:
    hosts.write(layout, {})

    with pytest.raises(ValueError, match=r"."):
        hosts.write(layout, {name: address})

    assert layout.hosts.read_text() == HEAD


def test_several_writers_leave_one_whole_file(layout: Layout) -> None:
    contents = [{f"c{number}": f"10.0.0.{number}" for number in range(2, top)} for top in (5, 50, 200)]
    threads = [threading.Thread(target=lambda one=one: [hosts.write(layout, one) for _ in range(30)]) for one in contents]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert layout.hosts.read_text() in [hosts.render(one) for one in contents]
    hosts.write(layout, {})


@pytest.mark.lxc
def test_a_running_container_sees_the_change_and_cannot_make_one(box: Box) -> None:
    first, second = box.start("one"), box.start("two")

    hosts.write(box.layout, box.addresses)

    assert f"{box.addresses[second]}\t{second}" in box.shell(first, "cat /etc/hosts").output
    assert box.shell(first, f"ping -c 1 -W 5 {second}").exit_code == 0
    assert box.shell(first, "echo evil >> /etc/hosts").exit_code != 0
    hosts.write(box.layout, {})
