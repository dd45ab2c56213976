"""Start, stop, kill, freeze of real containers."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from containers.domain.layout import Layout
from containers.domain.states import State
from containers.errors import Conflict
from containers.host import cgroups, monitors
from containers.host.command import Runner
from containers.host.lxc import Lxc
from tests.support import traces
from tests.support.box import Box
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc

# A shell that is init gets only the signals it has a trap for.
DEAF = "/bin/sh -c 'trap : TERM; while :; do sleep 1; done'"


def test_a_started_container_runs_its_command(box: Box) -> None:
    name = box.make(cmd="sleep 4321")

    look = box.lxc.start(name, timeout_s=120)

    assert look == box.lxc.look(name)
    assert look.state == State.RUNNING
    assert Path(f"/proc/{look.pid}/cmdline").read_bytes() == b"sleep\x004321\x00"


def test_a_start_is_one_command_on_record(box: Box) -> None:
    box.start()

    assert box.recorder.programs == ["lxc-start"]
    assert [command.exit_code for command in box.recorder.commands] == [0]


def test_a_one_off_command_takes_the_place_of_init_with_every_argument_as_it_is(box: Box) -> None:
    name = box.make(mounts={"out": "srv"})

    box.lxc.start(
        name,
        command=["/bin/sh", "-c", 'printf "%s|" "$@" > /srv/out; sleep 1000', "sh", "a b", "'\"", "$HOME", ""],
        timeout_s=120,
    )

    out = box.layout.volume("out") / "out"
    written = wait_until(lambda: out.exists() and out.read_text(), "the command writes")
    assert written == "a b|'\"|$HOME||"


def test_starting_what_runs_is_refused_and_leaves_it_running(box: Box) -> None:
    name = box.start()
    before = box.lxc.look(name)

    with pytest.raises(Conflict, match=f"^{name} is running already$"):
        box.lxc.start(name, timeout_s=120)

    assert box.lxc.look(name) == before


def test_a_container_that_was_started_by_hand_is_seen(box: Box) -> None:
    name = box.make()

    Runner().run(["lxc-start", "-P", box.layout.containers, name], timeout_s=120)

    assert box.lxc.look(name).state == State.RUNNING
    assert traces.mounts(box.layout.data_dir) == [str(box.layout.rootfs(name))]


def test_a_stop_sends_the_halt_signal(box: Box) -> None:
    name = box.start(
        cmd="/bin/sh -c 'trap \"echo asked > /srv/out; exit\" USR1; while :; do sleep 0.05; done'",
        halt="SIGUSR1",
        mounts={"out": "srv"},
    )
    box.lxc.wait_ready(name, "grep -q '^SigCgt:.*2..$' /proc/1/status", timeout_s=120)

    was_killed = box.lxc.stop(name, timeout_s=120)

    assert not was_killed
    assert (box.layout.volume("out") / "out").read_text() == "asked\n"
    assert box.lxc.look(name).state == State.STOPPED


def test_busybox_init_ends_at_the_default_signal(box: Box) -> None:
    name = box.start(cmd=None, halt=None)
    box.lxc.wait_ready(name, "grep -q '^SigCgt:.*2$' /proc/1/status || kill -0 1", timeout_s=120)

    assert box.lxc.stop(name, timeout_s=120) is False


def test_an_init_that_ignores_the_signal_is_killed_after_the_timeout(box: Box) -> None:
    name = box.start(cmd=DEAF, halt="SIGTERM")

    was_killed = box.lxc.stop(name, timeout_s=1)

    assert was_killed
    assert box.recorder.programs[-2:] == ["lxc-stop", "lxc-stop"]
    assert box.lxc.look(name).state == State.STOPPED


def test_a_stop_returns_when_nothing_of_the_run_is_left(box: Box) -> None:
    name = box.start(mounts={"data": "srv"})
    box.shell(name, "echo x > /left; mkdir -p /a/b/c; ln -s / /a/b/c/root")

    box.lxc.stop(name, timeout_s=120)

    assert traces.mounts(box.layout.data_dir) == []
    assert traces.processes(box.layout) == []
    assert traces.cgroups(name) == []
    assert traces.veths(box.bridge) == []
    assert list(box.layout.ephemeral(name).iterdir()) == []


def test_stopping_and_killing_what_is_stopped_is_nothing(box: Box) -> None:
    name = box.make()

    assert box.lxc.stop(name, timeout_s=120) is False
    box.lxc.kill(name)

    assert box.recorder.programs == []


def test_a_kill_does_not_wait_for_the_timeout(box: Box) -> None:
    name = box.start(cmd=DEAF, halt="SIGTERM")

    box.lxc.kill(name)

    assert box.lxc.look(name).state == State.STOPPED
    assert traces.mounts(box.layout.data_dir) == []


def test_a_frozen_container_does_nothing_until_it_is_unfrozen(box: Box) -> None:
    name = box.start()

    box.lxc.freeze(name)
    assert box.lxc.look(name).state == State.FROZEN
    box.lxc.freeze(name)

    box.lxc.unfreeze(name)
    assert box.lxc.look(name).state == State.RUNNING
    box.lxc.unfreeze(name)
    assert box.recorder.programs == ["lxc-start", "lxc-freeze", "lxc-unfreeze"]


def test_a_stopped_container_cannot_be_frozen(box: Box) -> None:
    name = box.make()

    with pytest.raises(Conflict, match=f"^{name} is not running$"):
        box.lxc.freeze(name)


def test_a_frozen_container_is_thawed_before_it_is_stopped(box: Box) -> None:
    name = box.start(cmd="/bin/sh -c 'trap exit TERM; while :; do sleep 0.05; done'", halt="SIGTERM")
    box.lxc.freeze(name)

    assert box.lxc.stop(name, timeout_s=120) is False


def test_a_frozen_container_can_be_killed(box: Box) -> None:
    name = box.start()
    box.lxc.freeze(name)

    box.lxc.kill(name)

    assert box.lxc.look(name).state == State.STOPPED


def test_what_a_killed_monitor_left_is_cleared_up(box: Box) -> None:
    name = box.start()
    monitor = monitors.find(box.layout, name)
    assert monitor is not None
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: not traces.sockets(box.layout), "the monitor is gone")
    assert traces.mounts(box.layout.data_dir) == [str(box.layout.rootfs(name))]

    box.lxc.stop(name, timeout_s=120)

    assert traces.mounts(box.layout.data_dir) == []
    assert traces.cgroups(name) == []


def test_what_a_killed_monitor_left_does_not_stop_the_next_start(box: Box) -> None:
    name = box.start()
    monitor = monitors.find(box.layout, name)
    assert monitor is not None
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: not traces.sockets(box.layout), "the monitor is gone")

    look = box.lxc.start(name, timeout_s=120)

    assert look.state == State.RUNNING
    assert len(traces.mounts(box.layout.data_dir)) == 1


def test_the_groups_of_another_stacks_container_of_the_same_name_stay(box: Box, tmp_path: Path) -> None:
    name = box.start()
    other = Layout(data_dir=tmp_path, log_dir=tmp_path, run_dir=tmp_path)

    cgroups.remove_left(other, name)

    assert traces.cgroups(name) != []
    assert box.shell(name, "true").exit_code == 0


@pytest.mark.parametrize(("unused_s", "stays"), [(60, True), (0, False)])
def test_a_group_that_another_stack_is_just_making_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_s: float, stays: bool
) -> None:
    name = f"just-made-{os.getpid()}"
    root = Path("/sys/fs/cgroup")
    top = root if (root / "cgroup.procs").exists() else next(path for path in root.iterdir() if (path / "cgroup.procs").exists())
    group = top / f"lxc.payload.{name}"
    group.mkdir()
    monkeypatch.setattr(cgroups, "_UNUSED_S", unused_s)
    monkeypatch.setattr(cgroups, "_DYING_S", 0.2)
    try:
        cgroups.remove_left(Layout(data_dir=tmp_path, log_dir=tmp_path, run_dir=tmp_path), name)
        assert group.exists() is stays
    finally:
        if group.exists():
            group.rmdir()


def test_what_a_killed_monitor_left_goes_also_where_lxc_had_to_take_another_name(box: Box) -> None:
    name = box.make()
    root = Path("/sys/fs/cgroup")
    for top in [root] if (root / "cgroup.procs").exists() else root.iterdir():
        (top / f"lxc.monitor.{name}").mkdir()
    box.lxc.start(name, timeout_s=120)
    monitor = monitors.find(box.layout, name)
    assert monitor is not None
    os.kill(monitor, signal.SIGKILL)

    box.lxc.stop(name, timeout_s=120)

    assert traces.cgroups(name) == []


def test_a_container_that_is_killed_from_outside_in_the_middle_of_a_stop_is_stopped(box: Box) -> None:
    name = box.start(cmd=DEAF, halt="SIGTERM")
    pid = box.lxc.look(name).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    assert box.lxc.stop(name, timeout_s=120) is False
    assert traces.mounts(box.layout.data_dir) == []


def test_start_and_stop_may_follow_each_other_without_a_pause(box: Box) -> None:
    name = box.make()

    for _ in range(5):
        assert box.lxc.start(name, timeout_s=120).state == State.RUNNING
        Runner().run(["lxc-stop", "-k", "-P", box.layout.containers, "-n", name], timeout_s=120)

    box.lxc.wait_stopped(name, timeout_s=120)
    assert traces.mounts(box.layout.data_dir) == []


def test_the_ephemeral_layer_is_new_at_every_start_and_keeps_its_inode(box: Box) -> None:
    name = box.start()
    inode = box.layout.ephemeral(name).stat().st_ino
    box.shell(name, "echo x > /left; chmod 700 /; chown 5:5 /; rm -rf /etc/passwd")
    box.lxc.kill(name)

    box.lxc.start(name, timeout_s=120)

    assert box.shell(name, "ls -a /left; stat -c '%a %u %g' /; cat /etc/passwd").output.splitlines()[1:3] == [
        "755 0 0",
        "root:x:0:0:root:/root:/bin/sh",
    ]
    assert box.layout.ephemeral(name).stat().st_ino == inode


def test_a_reboot_from_inside_is_a_new_run(box: Box) -> None:
    name = box.start(cmd=None)
    first = box.lxc.look(name).pid
    box.shell(name, "echo x > /left; reboot -f")

    wait_until(lambda: (look := box.lxc.look(name)).state == State.RUNNING and look.pid not in (first, None), "it runs again")

    box.lxc.wait_ready(name, "! test -e /left", timeout_s=120)
    assert traces.mounts(box.layout.data_dir) == [str(box.layout.rootfs(name))]
    assert box.lxc.stop(name, timeout_s=120) is False


def test_no_file_descriptors_are_left_by_many_runs(box: Box) -> None:
    name = box.start()
    box.lxc.stop(name, timeout_s=120)
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        box.lxc.start(name, timeout_s=120)
        box.lxc.wait_ready(name, "true", timeout_s=120)
        box.shell(name, "true")
        box.lxc.stop(name, timeout_s=120)
        box.lxc.execute_stopped(name, ["/bin/true"], timeout_s=120)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_several_start_side_by_side(box: Box) -> None:
    names = [box.make(f"side{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        looks = list(pool.map(lambda name: Lxc(box.layout, box.runner).start(name, timeout_s=120), names))

    assert {look.state for look in looks} == {State.RUNNING}
    assert len({look.pid for look in looks}) == 6
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(box.lxc.kill, names))
