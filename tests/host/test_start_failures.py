"""Starts that fail: one clear reason, nothing left."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain.states import State
from containers.errors import Cancelled, CommandFailed, CommandTimeout, HostError, InvalidRequest, MountFailed
from containers.host.command import Runner
from containers.host.lxc import Lxc
from tests.support import traces
from tests.support.box import Box
from tests.support.recorder import KeepingRecorder
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc


def nothing_is_left(box: Box, name: str) -> bool:
    left = traces.mounts(box.layout.data_dir), traces.processes(box.layout), traces.cgroups(name), traces.veths(box.bridge)
    return box.lxc.look(name).state == State.STOPPED and left == ([], [], [], [])


def test_a_command_that_is_not_there_is_named(box: Box) -> None:
    name = box.make(cmd="/bin/nothing")

    with pytest.raises(CommandFailed) as caught:
        box.lxc.start(name, timeout_s=120)

    assert caught.value.brief == f'{name} did not start: No such file or directory - Failed to exec "/bin/nothing"'
    assert "ERROR" in caught.value.details
    assert nothing_is_left(box, name)


def test_an_init_that_ends_at_once_leaves_a_stopped_container(box: Box) -> None:
    name = box.make(cmd="/bin/true")

    box.lxc.start(name, timeout_s=120)

    box.lxc.wait_stopped(name, timeout_s=120)
    assert nothing_is_left(box, name)


def test_a_missing_layer_is_named(box: Box) -> None:
    name = box.make(layers=["base", "gone"])

    with pytest.raises(MountFailed) as caught:
        box.lxc.start(name, timeout_s=120)

    assert caught.value.brief == f"{name} did not start: layer gone is missing"
    assert nothing_is_left(box, name)


def test_the_next_start_succeeds_when_the_reason_is_gone(box: Box) -> None:
    name = box.make(layers=["base", "later"])
    with pytest.raises(MountFailed):
        box.lxc.start(name, timeout_s=120)

    box.layout.layer("later").mkdir()
    try:
        assert box.lxc.start(name, timeout_s=120).state == State.RUNNING
        assert not box.layout.hook_error(name).exists()
        box.lxc.kill(name)
    finally:
        box.layout.layer("later").rmdir()


@pytest.mark.parametrize("target", ["/etc", "/nowhere", "base"])
def test_a_volume_that_was_replaced_by_a_link_refuses_the_start(box: Box, target: str) -> None:
    name = box.make(mounts={"data": "srv"})
    shutil.rmtree(box.layout.volume("data"))
    box.layout.volume("data").symlink_to(target)

    with pytest.raises(MountFailed) as caught:
        box.lxc.start(name, timeout_s=120)

    assert caught.value.brief == f"{name} did not start: volume data is a symbolic link, which is not followed"
    assert nothing_is_left(box, name)


def test_a_file_volume_that_was_replaced_by_a_link_refuses_the_start(box: Box) -> None:
    name = box.make(mounts={"conf": "etc/conf:file"})
    box.layout.volume("conf").unlink()
    box.layout.volume("conf").symlink_to("/etc/shadow")

    with pytest.raises(MountFailed, match="volume conf is a symbolic link"):
        box.lxc.start(name, timeout_s=120)


def test_a_volume_of_the_other_kind_or_a_missing_one_refuses_the_start(box: Box) -> None:
    name = box.make(mounts={"data": "srv", "conf": "etc/conf:file"})
    box.layout.volume("data").rmdir()

    with pytest.raises(MountFailed, match="volume data is missing$"):
        box.lxc.start(name, timeout_s=120)
    box.layout.volume("data").touch()
    with pytest.raises(MountFailed, match="volume data is not a directory$"):
        box.lxc.start(name, timeout_s=120)


def test_a_mountpoint_that_a_layer_makes_a_link_leads_nowhere_on_the_host(box: Box) -> None:
    box.layout.layer("links").mkdir()
    (box.layout.layer("links") / "trap").symlink_to("/var/tmp")
    name = box.make(layers=["base", "links"], mounts={"data": "trap/inside"})
    try:
        with pytest.raises(MountFailed, match="the mountpoint /trap/inside .* symbolic link of the root filesystem: trap$"):
            box.lxc.start(name, timeout_s=120)
        assert not Path("/var/tmp/inside").exists()
        assert nothing_is_left(box, name)
    finally:
        shutil.rmtree(box.layout.layer("links"))


def test_a_missing_bridge_is_one_line(box: Box) -> None:
    box.bridge, bridge = "nobridge", box.bridge
    name = box.make()
    box.bridge = bridge

    with pytest.raises(CommandFailed, match="nobridge"):
        box.lxc.start(name, timeout_s=120)

    assert nothing_is_left(box, name)


def test_more_layers_than_the_kernel_takes_are_no_definition(box: Box) -> None:
    names = [f"{number:02d}{'x' * 61}" for number in range(64)]
    with pytest.raises(InvalidRequest, match="4095"):
        box.make(layers=["base", *names[:63]])


def test_as_many_layers_as_a_definition_may_have_are_mounted(box: Box) -> None:
    names = [f"layer-{number:02d}" for number in range(63)]
    for layer in names:
        path = box.layout.layer(layer)
        path.mkdir()
        path.chmod(0o755)
        (path / layer).touch()
        (path / "who").write_text(layer)
    name = box.make(layers=["base", *names])
    try:
        box.lxc.start(name, timeout_s=120)
        assert box.shell(name, "ls / | grep -c layer-; cat /who").output.split() == ["63", "layer-62"]
        box.lxc.kill(name)
    finally:
        for layer in names:
            shutil.rmtree(box.layout.layer(layer))


def test_without_a_configuration_the_reason_is_lxcs(box: Box) -> None:
    name = box.make()
    box.layout.config(name).unlink()

    with pytest.raises(HostError, match=f"{name} did not start"):
        box.lxc.start(name, timeout_s=120)


def test_a_start_that_takes_too_long_is_ended_and_undone(box: Box) -> None:
    name = box.make()
    slow_hook(box)

    with pytest.raises(CommandTimeout, match="did not end within 0.5 s"):
        box.lxc.start(name, timeout_s=0.5)

    assert nothing_is_left(box, name)


def test_a_cancelled_start_is_undone(box: Box) -> None:
    name = box.make()
    marker = slow_hook(box)
    cancel = threading.Event()
    lxc = Lxc(box.layout, Runner(KeepingRecorder(), cancel))
    threading.Thread(target=lambda: (wait_until(marker.exists, "the hook runs"), cancel.set())).start()

    with pytest.raises(Cancelled):
        lxc.start(name, timeout_s=60)

    assert nothing_is_left(box, name)


def slow_hook(box: Box) -> Path:
    """Put a hook before ours that never ends; return the file that it makes."""
    marker = box.layout.run_dir / "lxc" / "slow"
    program = box.layout.run_dir / "lxc" / "slow.sh"
    program.write_text(f"#!/bin/sh\n: > {marker}\nexec /bin/sleep 1000\n")
    program.chmod(0o755)
    for config in box.layout.containers.glob("*/config"):
        config.write_text(f"lxc.hook.pre-start = {program}\n{config.read_text()}")
    return marker


@pytest.fixture(autouse=True)
def _no_marker(box: Box) -> Iterator[None]:
    yield
    for name in ("slow", "slow.sh"):
        (box.layout.run_dir / "lxc" / name).unlink(missing_ok=True)
