"""What a container sees of the host, and what it has to do with the process that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from containers.domain.states import State
from containers.host import monitors
from tests.support.box import IDMAP_BASE, Box

pytestmark = pytest.mark.lxc

START = """
import pathlib, sys
from containers.domain.layout import Layout
from containers.host.command import Runner
from containers.host.lxc import Lxc
Lxc(Layout(*map(pathlib.Path, sys.argv[1:4])), Runner()).start(sys.argv[4], timeout_s=120)
print("started", flush=True)
import time; time.sleep(600)
"""


def test_a_container_survives_the_death_of_who_started_it(box: Box) -> None:
    """Ctrl-C in the terminal of `make run`, and a kill of the worker's whole group."""
    name = box.make()
    layout = box.layout
    argv = [sys.executable, "-c", START, *map(str, (layout.data_dir, layout.log_dir, layout.run_dir)), name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGKILL)
        # Nobody in the container holds our output open.
        assert process.stdout.read() == b""

    assert box.lxc.look(name).state == State.RUNNING
    assert box.shell(name, "true").exit_code == 0


def test_the_monitor_has_nothing_of_the_worker(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "ours")
    name = box.start()
    monitor = monitors.find(box.layout, name)
    assert monitor is not None

    process = Path(f"/proc/{monitor}")
    environment = (process / "environ").read_bytes()

    assert b"SECRET_KEY" not in environment
    assert b"SPOCWEB" not in environment
    assert os.getsid(monitor) == monitor
    assert {(process / f"fd/{number}").readlink() for number in range(3)} == {Path("/dev/null")}
    assert (process / "cwd").readlink() == Path("/")


def test_root_inside_is_nobody_outside(box: Box) -> None:
    name = box.start(mounts={"data": "srv"})
    box.shell(name, "echo x > /srv/file; echo x > /file")
    pid = box.lxc.look(name).pid

    assert Path(f"/proc/{pid}").stat().st_uid == IDMAP_BASE
    assert (box.layout.volume("data") / "file").stat().st_uid == IDMAP_BASE
    assert (box.layout.ephemeral(name) / "file").stat().st_uid == IDMAP_BASE


def test_init_has_the_identity_directory_and_environment_of_the_definition(box: Box) -> None:
    name = box.start(
        uid="1000",
        gid="1001",
        cwd="/var/www",
        env={"WORD": " a 'b' \"c\" # d ", "LD_PRELOAD": "/none.so"},
        cmd="/bin/sh -c 'id -u > /srv/out; id -g >> /srv/out; pwd >> /srv/out; echo \"$WORD|\" >> /srv/out; sleep 1000'",
        mounts={"out": "srv"},
    )
    box.lxc.wait_ready(name, "grep -q '|' /srv/out", timeout_s=120)

    assert (box.layout.volume("out") / "out").read_text() == "1000\n1001\n/var/www\n a 'b' \"c\" # d |\n"
    status = (box.layout.volume("out")).stat()
    assert (status.st_uid, status.st_gid) == (IDMAP_BASE + 1000, IDMAP_BASE + 1001)


def test_volumes_persist_and_devices_cannot_be_made_in_them(box: Box) -> None:
    name = box.start(mounts={"data": "srv", "conf": "etc/deep/conf:file"})
    box.shell(name, "echo kept > /srv/file; echo set > /etc/deep/conf; mknod /srv/null c 1 3; echo $? > /srv/code")
    box.lxc.kill(name)
    box.lxc.start(name, timeout_s=120)

    assert box.shell(name, "cat /srv/file /etc/deep/conf /srv/code").output.split() == ["kept", "set", "1"]
    # Whoever enters the directory on the host could run what a container made setuid.
    assert oct(box.layout.volumes.stat().st_mode & 0o7777) == "0o710"


def test_the_host_is_out_of_reach(box: Box) -> None:
    name = box.start()
    attempts = [
        "mount -t proc proc /mnt && ls /mnt/1/root/work",
        "mknod /disk b 254 0 && head -c 1 /disk",
        "echo b > /proc/sysrq-trigger",
        "echo x > /sys/kernel/uevent_helper",
        "chroot /proc/1/root ls /work",
        "mount -o remount,dev / && mknod /null c 1 3 && echo > /null",
        "ip link set dev eth0 netns 1 && ip link add type bridge && ls /work",
    ]

    assert {attempt: box.shell(name, attempt).exit_code == 0 for attempt in attempts} == dict.fromkeys(attempts, False)


def test_dropped_capabilities_are_dropped(box: Box) -> None:
    name = box.start()

    bounding = int(box.shell(name, "grep CapBnd /proc/self/status").output.split()[1], 16)

    for number in (16, 17, 25, 32, 33, 34):
        assert not bounding >> number & 1
    assert bounding >> 0 & 1


def test_a_layer_is_not_changed_by_what_runs_on_it(box: Box) -> None:
    before = sorted(path.name for path in box.layout.layer("base").rglob("*"))
    name = box.start()
    box.shell(name, "rm -rf /bin/getent /etc/passwd; echo x > /etc/new")
    box.lxc.kill(name)

    assert sorted(path.name for path in box.layout.layer("base").rglob("*")) == before


def test_a_build_container_changes_its_topmost_layer(box: Box) -> None:
    layer = box.layout.layer("built")
    layer.mkdir()
    os.chown(layer, IDMAP_BASE, IDMAP_BASE)
    name = box.start(build=True, layers=["base", "built"])
    box.shell(name, "echo x > /etc/new; rm /etc/passwd")
    box.lxc.kill(name)
    try:
        assert (layer / "etc/new").read_text() == "x\n"
        assert not (box.layout.layer("base") / "etc/new").exists()
        other = box.start("other", layers=["base", "built"])
        assert box.shell(other, "cat /etc/new; ls /etc/passwd").output.split("\n")[0] == "x"
        assert box.shell(other, "ls /etc/passwd").exit_code != 0
        box.lxc.kill(other)
    finally:
        subprocess.run(["rm", "-rf", layer], check=True)
