"""What runs, as cheaply as it can be asked."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.domain.states import State
from containers.host import directories, facts, layers
from containers.host.command import Runner
from containers.host.facts import Look
from tests.support.box import IDMAP_BASE, LAYER, Box

pytestmark = pytest.mark.lxc


def test_only_what_runs_costs_a_command(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    running, frozen, stopped = box.start("up"), box.start("ice"), box.make("down")
    box.lxc.freeze(frozen)
    asked: list[str] = []
    ask = facts.ask
    monkeypatch.setattr(facts, "ask", lambda layout, runner, name: asked.append(name) or ask(layout, runner, name))

    found = facts.looks(box.layout, box.runner, [running, frozen, stopped])

    assert {name: look.state for name, look in found.items()} == {
        running: State.RUNNING,
        frozen: State.FROZEN,
        stopped: State.STOPPED,
    }
    assert found[stopped] == Look(State.STOPPED, None)
    assert sorted(asked) == sorted([running, frozen])
    assert facts.running_names(box.layout) == {running, frozen}


def test_the_pid_is_inits_on_the_host(box: Box) -> None:
    name = box.start(cmd="sleep 4321")

    pid = facts.look(box.layout, box.runner, name).pid

    assert b"4321" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_looking_is_not_recorded(box: Box) -> None:
    name = box.start()
    box.recorder.commands.clear()

    facts.looks(box.layout, box.runner, [name])

    assert box.recorder.commands == []


def test_another_stack_with_a_container_of_the_same_name_is_another(box: Box, tmp_path: Path) -> None:
    name = box.start()
    other = Layout(data_dir=tmp_path / "data", log_dir=tmp_path / "log", run_dir=tmp_path / "run")

    assert facts.running_names(other) == set()
    assert facts.look(other, box.runner, name) == Look(State.STOPPED)


def test_what_lxc_does_not_answer_for_is_unknown(box: Box) -> None:
    name = box.make()
    box.layout.config(name).write_text("lxc.no.such.key = 1\n")

    assert facts.ask(box.layout, box.runner, name) == Look(State.UNKNOWN)


@pytest.fixture
def deep(wire: str) -> Iterator[Layout]:
    """A data directory whose path is too long for a socket's name, so that LXC hashes it."""
    base = Path(tempfile.mkdtemp(prefix="spocweb-test-deep-", dir="/var/tmp"))
    base.chmod(0o711)
    data = base / ("d" * 60)
    data.mkdir(mode=0o711)
    layout = Layout(data_dir=data, log_dir=base / "log", run_dir=base / "run")
    directories.ensure_layout(layout, web_gid=0, idmap_base=IDMAP_BASE)
    layers.make_busybox(layout, Runner(), LAYER, idmap_base=IDMAP_BASE)
    yield layout
    shutil.rmtree(base)


def test_a_long_path_is_found_by_its_hash(box: Box, deep: Layout) -> None:
    long = Box(deep, box.bridge, box.subnet, box.prefix, addresses={"unused": "10.198.0.2"})
    del long.addresses["unused"]
    name = long.make("n" * 50)
    try:
        long.lxc.start(name, timeout_s=120)
        assert re.search(r"@lxc/[0-9a-f]{16}/command", Path("/proc/net/unix").read_text())
        assert facts.running_names(deep) == {name}
        assert facts.look(deep, box.runner, name).state == State.RUNNING
    finally:
        long.clear()


def test_the_boot_has_a_name() -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", facts.boot_id())
