"""What `doctor` finds on this host, and what it says where something is missing."""

from __future__ import annotations

import os
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.host import doctor, idmap, system
from containers.host.doctor import Finding, Level
from tests.support.box import IDMAP_BASE, IDMAP_SIZE

pytestmark = pytest.mark.lxc


def examine(layout: Layout, bridge: str, subnet: IPv4Network) -> dict[str, Finding]:
    found = doctor.examine(layout, bridge=bridge, subnet=subnet, idmap_base=IDMAP_BASE, idmap_size=IDMAP_SIZE)
    assert all(finding.advice for finding in found if finding.level != Level.OK)
    assert len({finding.title for finding in found}) == len(found)
    return {finding.title: finding for finding in found}


def test_nothing_is_wrong_where_containers_run(layout: Layout, wire: str, subnet: IPv4Network) -> None:
    found = examine(layout, wire, subnet)

    assert [finding for finding in found.values() if finding.level == Level.ERROR] == []
    assert {title for title, finding in found.items() if finding.level == Level.WARNING} <= {
        "AppArmor",
        "Id map of others",
        "Firewall",
    }
    assert found["LXC"].detail == system.look(doctor.Runner()).lxc_version


def test_a_missing_network_is_a_warning(layout: Layout) -> None:
    finding = examine(layout, "nobridge", IPv4Network("10.195.0.0/24"))["Network"]

    assert finding.level == Level.WARNING
    assert finding.detail.startswith("there is no bridge nobridge")


def test_missing_tools_are_named_with_their_packages(
    layout: Layout, wire: str, subnet: IPv4Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    which = doctor.shutil.which
    monkeypatch.setattr(doctor.shutil, "which", lambda program: None if program in {"xz", "zstd", "busybox"} else which(program))
    monkeypatch.setattr(doctor, "_LXC_TOOLS", ("start", "no-such-tool"))

    found = examine(layout, wire, subnet)

    assert found["Programs"] == Finding(Level.ERROR, "Programs", "missing: xz, zstd", "apt install xz-utils zstd")
    assert found["Busybox"].level == Level.WARNING
    assert found["LXC"] == Finding(Level.ERROR, "LXC", "missing: lxc-no-such-tool", "apt install lxc")


def test_a_data_directory_that_mapped_root_cannot_enter_is_an_error(layout: Layout, wire: str, subnet: IPv4Network) -> None:
    mode = layout.data_dir.stat().st_mode & 0o7777
    layout.data_dir.chmod(0o700)
    try:
        finding = examine(layout, wire, subnet)["Way to the containers"]
    finally:
        layout.data_dir.chmod(mode)

    assert finding.level == Level.ERROR
    assert finding.advice == f"chmod o+x {layout.data_dir}"


def test_missing_directories_and_another_hook_are_errors(layout: Layout, wire: str, subnet: IPv4Network, tmp_path: Path) -> None:
    other = Layout(data_dir=tmp_path, log_dir=tmp_path, run_dir=tmp_path)
    assert examine(other, wire, subnet)["Directories"].level == Level.ERROR

    content = layout.hook.read_bytes()
    layout.hook.write_text("other")
    try:
        assert examine(layout, wire, subnet)["Hook"].level == Level.ERROR
    finally:
        layout.hook.write_bytes(content)


def test_a_missing_id_map_is_a_warning_with_the_command(
    layout: Layout, wire: str, subnet: IPv4Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idmap, "_FILES", (Path("/nothing"),))
    monkeypatch.setattr(idmap.shutil, "which", lambda program: f"/usr/bin/{program}")

    finding = examine(layout, wire, subnet)["Id map"]

    assert finding.level == Level.WARNING
    assert finding.advice == "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 root"


@pytest.mark.parametrize(("files", "problem"), [({}, "cpu, memory, pids"), ({"cpu": "", "pids": ""}, "memory")])
def test_missing_controllers_are_named_for_version_1(
    layout: Layout,
    wire: str,
    subnet: IPv4Network,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    files: dict[str, str],
    problem: str,
) -> None:
    for name in files:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(doctor, "_CGROUP", tmp_path)
    monkeypatch.setattr(system, "has_cgroup2", lambda: False)

    finding = examine(layout, wire, subnet)["Control groups"]

    assert finding.detail.startswith(f"version 1 without {problem}:")


def test_version_2_has_its_controllers_in_one_file(
    layout: Layout, wire: str, subnet: IPv4Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    monkeypatch.setattr(doctor, "_CGROUP", tmp_path)
    monkeypatch.setattr(system, "has_cgroup2", lambda: True)

    assert examine(layout, wire, subnet)["Control groups"] == Finding(Level.OK, "Control groups", "version 2, cpu, memory, pids")


def test_who_is_not_root_is_told(layout: Layout, wire: str, subnet: IPv4Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert examine(layout, wire, subnet)["Rights"].level == Level.ERROR
