"""Commands in running containers, and in stopped ones that run for them alone."""

from __future__ import annotations

import os
import threading

import pytest

from containers.domain.states import State
from containers.errors import Cancelled, CommandFailed, CommandTimeout, HostError, InvalidRequest, MountFailed, NotFound
from containers.host.command import Runner
from containers.host.lxc import Lxc
from tests.support import traces
from tests.support.box import Box
from tests.support.recorder import KeepingRecorder
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lxc


def test_the_exit_code_and_both_outputs_are_the_commands(box: Box) -> None:
    name = box.start()

    result = box.lxc.attach(name, ["/bin/sh", "-c", "echo out; echo err >&2; exit 7"], timeout_s=120, ok_codes=None)

    assert (result.exit_code, result.output) == (7, "out\nerr")


def test_a_command_that_fails_is_named(box: Box) -> None:
    name = box.start()

    with pytest.raises(CommandFailed) as caught:
        box.lxc.attach(name, ["/bin/sh", "-c", "echo no; exit 7"], timeout_s=120)

    assert caught.value.brief == f"{name}: sh failed with exit code 7: no"
    assert (caught.value.exit_code, caught.value.output) == (7, "no")


def test_a_command_that_is_not_there_has_exit_code_127(box: Box) -> None:
    name = box.start()

    with pytest.raises(CommandFailed) as caught:
        box.lxc.attach(name, ["/bin/nothing"], timeout_s=120)

    assert caught.value.exit_code == 127


def test_every_argument_arrives_as_it_is(box: Box) -> None:
    name = box.start()
    words = ["", " ", "a b", "'", '"', "\\", "$HOME", "*", "-n", "--", "ü", "x" * 5000]

    result = box.lxc.attach(name, ["/bin/sh", "-c", 'for word; do echo "<$word>"; done', "sh", *words], timeout_s=120)

    assert result.output.split("\n") == [f"<{word}>" for word in words]


def test_nothing_of_our_environment_gets_in(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "ours")
    name = box.start(env={"A": " x = 'y' ", "B": ""})

    result = box.shell(name, "env | sort", env={"C": "z\tz"})

    lines = [line for line in result.output.split("\n") if not line.startswith(("PATH=", "PWD=", "SHLVL=", "container="))]
    assert lines == ["A= x = 'y' ", "B=", "C=z\tz"]


def test_ids_and_directory_are_as_asked(box: Box) -> None:
    name = box.start()

    result = box.shell(name, "id -u; id -g; pwd", uid=1000, gid=2000, cwd="/var/www")

    assert result.output.split() == ["1000", "2000", "/var/www"]


def test_a_command_that_takes_too_long_is_ended(box: Box) -> None:
    name = box.start()

    with pytest.raises(CommandTimeout, match=rf"^/bin/sleep in {name} did not end within 0.5 s$"):
        box.lxc.attach(name, ["/bin/sleep", "4713"], timeout_s=0.5)

    wait_until(lambda: "sleep 4713" not in box.shell(name, "ps").output, "it is gone from the container")


def test_attaching_to_what_is_stopped_says_so(box: Box) -> None:
    name = box.make()

    with pytest.raises(HostError, match=f"^{name} is not running$"):
        box.lxc.attach(name, ["/bin/true"], timeout_s=120)


@pytest.mark.parametrize(
    ("uid", "gid", "numbers"),
    [
        (None, None, (0, 0)),
        ("root", None, (0, 0)),
        ("nobody", None, (65534, 65534)),
        ("nobody", "root", (65534, 0)),
        (None, "nogroup", (0, 65534)),
        ("1000", None, (1000, 1000)),
        ("65534", None, (65534, 65534)),
        ("1000", "1001", (1000, 1001)),
    ],
)
def test_users_and_groups_are_looked_up_inside(box: Box, uid: str | None, gid: str | None, numbers: tuple[int, int]) -> None:
    name = box.start()

    assert box.lxc.resolve_ids(name, uid, gid) == numbers


@pytest.mark.parametrize(("uid", "gid", "what"), [("alice", None, "user alice"), ("root", "crew", "group crew")])
def test_an_unknown_name_is_named(box: Box, uid: str, gid: str | None, what: str) -> None:
    name = box.start()

    with pytest.raises(NotFound, match=f"^there is no {what} in the container$"):
        box.lxc.resolve_ids(name, uid, gid)


@pytest.mark.parametrize("hostile", ["-h", "a b", "a\nb", "root:0", "$(id)", "", "-1", "+1", "1" * 11, "٣"])
def test_what_is_neither_name_nor_number_is_refused_before_anything_runs(box: Box, hostile: str) -> None:
    name = box.make()

    for ids in ((hostile, None), (hostile, "0"), ("0", hostile)):
        with pytest.raises(InvalidRequest):
            box.lxc.resolve_ids(name, *ids)
    assert box.recorder.programs == []


def test_without_getent_names_cannot_be_looked_up_but_numbers_can(box: Box) -> None:
    name = box.start()
    box.shell(name, "rm /bin/getent")

    assert box.lxc.resolve_ids(name, "1000", None) == (1000, 1000)
    with pytest.raises(HostError, match="there is no getent"):
        box.lxc.resolve_ids(name, "nobody", None)


@pytest.mark.parametrize("line", ["root:x:-1:0", "root:x:1", "root"])
def test_what_a_container_makes_of_getent_is_not_believed(box: Box, line: str) -> None:
    name = box.start()
    box.shell(name, f"printf '#!/bin/sh\\necho {line}; exit 0\\n' > /bin/getent")

    with pytest.raises(HostError, match="no usable answer"):
        box.lxc.resolve_ids(name, "root", None)


def test_a_stopped_container_runs_for_one_command(box: Box) -> None:
    name = box.make(mounts={"data": "srv"}, env={"A": "1"})

    script = "echo out; echo err >&2; echo $A; id -u; ls -d /srv; ip -o addr show eth0; cat /proc/1/comm; exit 7"
    result = box.lxc.execute_stopped(name, ["/bin/sh", "-c", script], timeout_s=120, ok_codes=None)

    lines = result.output.split("\n")
    assert result.exit_code == 7
    assert lines[:5] == ["out", "err", "1", "0", "/srv"]
    assert f"inet {box.addresses[name]}/" in result.output
    assert box.lxc.look(name).state == State.STOPPED
    assert traces.mounts(box.layout.data_dir) == []


def test_a_one_off_run_resolves_names(box: Box) -> None:
    name = box.make()

    result = box.lxc.execute_stopped(name, ["/bin/sh", "-c", "id -u; id -g"], uid="nobody", gid="root", timeout_s=120)

    assert result.output.split() == ["65534", "0"]
    with pytest.raises(NotFound):
        box.lxc.execute_stopped(name, ["/bin/true"], uid="alice", timeout_s=120)


def test_a_one_off_run_that_fails_is_about_its_command(box: Box) -> None:
    name = box.make()

    with pytest.raises(CommandFailed) as caught:
        box.lxc.execute_stopped(name, ["/bin/false"], timeout_s=120)

    assert (caught.value.brief, caught.value.exit_code) == (f"{name}: false failed with exit code 1", 1)


def test_a_one_off_run_that_cannot_start_says_why(box: Box) -> None:
    name = box.make(layers=["base", "gone"])

    with pytest.raises(MountFailed, match="layer gone is missing$"):
        box.lxc.execute_stopped(name, ["/bin/true"], timeout_s=120)


def test_a_one_off_run_that_takes_too_long_is_ended_and_leaves_nothing(box: Box) -> None:
    name = box.make()

    with pytest.raises(CommandTimeout):
        box.lxc.execute_stopped(name, ["/bin/sleep", "1000"], timeout_s=1)

    assert box.lxc.look(name).state == State.STOPPED
    assert traces.mounts(box.layout.data_dir) == []
    assert traces.processes(box.layout) == []
    assert traces.cgroups(name) == []


def test_a_cancelled_one_off_run_leaves_nothing(box: Box) -> None:
    name = box.make()
    cancel = threading.Event()
    lxc = Lxc(box.layout, Runner(KeepingRecorder(), cancel))
    threading.Thread(target=lambda: (wait_until(lambda: traces.veths(box.bridge), "it runs"), cancel.set())).start()

    with pytest.raises(Cancelled):
        lxc.execute_stopped(name, ["/bin/sh", "-c", "trap : TERM; while :; do sleep 1; done"], timeout_s=600)

    assert traces.mounts(box.layout.data_dir) == []
    assert traces.processes(box.layout) == []
    assert traces.cgroups(name) == []


def test_a_one_off_run_in_a_build_container_leaves_only_what_its_command_wrote(box: Box) -> None:
    box.layout.layer("made").mkdir()
    os.chown(box.layout.layer("made"), 100_000, 100_000)
    name = box.make(build=True, layers=["base", "made"])
    try:
        box.lxc.execute_stopped(name, ["/bin/sh", "-c", "echo x > /new"], timeout_s=120)
        files = sorted(str(path.relative_to(box.layout.layer("made"))) for path in box.layout.layer("made").rglob("*"))
        assert files == ["new"]
    finally:
        Runner().run(["rm", "-rf", box.layout.layer("made")], timeout_s=120)
