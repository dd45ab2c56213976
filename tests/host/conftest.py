"""Real LXC: directories, a bridge and a subnet of this test process alone, one busybox layer, and nothing left after a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.host import directories, idmap, layers, network
from containers.host.command import Runner
from tests.support.box import IDMAP_BASE, IDMAP_SIZE, LAYER, Box
from tests.support.traces import traces


@pytest.fixture(scope="session")
def slot() -> str:
    """The number that no other test process has: see tests.environment."""
    return os.environ["SPOCWEB_BRIDGE"].removeprefix("spt")


@pytest.fixture(scope="session")
def bridge(slot: str) -> str:
    return f"sph{slot}"


@pytest.fixture(scope="session")
def subnet(slot: str) -> IPv4Network:
    return IPv4Network(f"10.198.{slot}.0/24")


@pytest.fixture(scope="session")
def layout() -> Layout:
    """Beside the directories of the tests that run jobs."""
    base = Path(os.environ["SPOCWEB_DATA_DIR"]).parent / "host"
    base.mkdir(mode=0o711)
    layout = Layout(data_dir=base / "data", log_dir=base / "log", run_dir=base / "run")
    directories.ensure_layout(layout, web_gid=0, idmap_base=IDMAP_BASE)
    # For the tests that start by hand, with newuidmap on PATH.
    idmap.ensure(IDMAP_BASE, IDMAP_SIZE, Runner())
    return layout


@pytest.fixture(scope="session")
def base_layer(layout: Layout) -> str:
    layers.make_busybox(layout, Runner(), LAYER, idmap_base=IDMAP_BASE)
    return LAYER


@pytest.fixture(scope="session")
def wire(bridge: str, subnet: IPv4Network) -> Iterator[str]:
    """The bridge, set up."""
    network.ensure(bridge, subnet, Runner())
    yield bridge
    network.remove(bridge, Runner())


@pytest.fixture
def box(layout: Layout, wire: str, subnet: IPv4Network, slot: str, base_layer: str) -> Iterator[Box]:
    """Makes containers; after the test nothing of them may be left, whatever the test did."""
    box = Box(layout, wire, subnet, f"h{slot}")
    yield box
    box.clear()
    assert traces(layout, wire, box.addresses) == []
    assert list(layout.volumes.iterdir()) == []
