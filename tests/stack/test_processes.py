"""The processes of `make run`: who they are, how they stop, what they leave running."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import lxc
from tests.support.stack import ROOT, Stack
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.lxc]


def user_of(pid: int) -> str:
    return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name


def test_only_worker_monitor_and_session_server_are_root(stack: Stack) -> None:
    assert {user_of(pid) for pid in stack.pids("gunicorn")} == {"spocweb"}
    assert {user_of(pid) for pid in stack.pids("redis-server")} == {"redis"}
    assert {user_of(pid) for pid in stack.pids("manage (worker|monitor|sessions)|lxc-monitor")} == {"root"}


def test_the_web_process_has_no_capability_and_can_gain_none(stack: Stack) -> None:
    for pid in stack.pids("gunicorn"):
        status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"


def test_redis_is_reached_by_its_socket_alone(stack: Stack) -> None:
    (pid,) = stack.pids("redis-server")
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        assert not [line for line in lines if f"socket:[{line.split()[9]}]" in inodes]
    found = Path(stack.variables["SPOCWEB_RUN_DIR"]) / "redis/redis.sock"
    assert (found.owner(), found.group(), found.stat().st_mode & 0o777) == ("redis", "spocweb", 0o770)


def test_sessions_are_for_the_web_user_alone(stack: Stack) -> None:
    found = Path(stack.variables["SPOCWEB_RUN_DIR"]) / "sessions.sock"
    assert (found.owner(), found.group(), found.stat().st_mode & 0o777) == ("root", "spocweb", 0o660)


def as_web_user(*argv: str) -> subprocess.CompletedProcess[str]:
    command = ["setpriv", "--reuid=spocweb", "--regid=spocweb", "--clear-groups", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


@pytest.mark.parametrize("directory", ["layers", "containers", "volumes", "."])
def test_the_web_user_cannot_write_where_root_reads(stack: Stack, directory: str) -> None:
    path = Path(stack.variables["SPOCWEB_DATA_DIR"]) / directory
    assert as_web_user("touch", str(path / "intruder")).returncode != 0
    assert not (path / "intruder").exists()


def test_the_web_user_cannot_replace_the_database(stack: Stack) -> None:
    directory = Path(stack.variables["SPOCWEB_DATA_DIR"]) / "db"
    for file in sorted(directory.iterdir()):
        assert as_web_user("rm", "-f", str(file)).returncode != 0
        assert as_web_user("mv", str(file), str(directory / "other")).returncode != 0
    assert (directory.owner(), directory.group(), directory.stat().st_mode & 0o7777) == ("root", "spocweb", 0o1770)


def test_the_web_user_can_make_no_journal_for_root_to_read(stack: Stack) -> None:
    """A rollback journal names a file that SQLite then deletes: made by the web user, it took any file of root's away."""
    journal = Path(stack.variables["SPOCWEB_DATA_DIR"]) / "db/spocweb.sqlite3-journal"
    journal.unlink()
    try:
        assert as_web_user("touch", str(journal)).returncode != 0
    finally:
        journal.touch(mode=0o600)


def test_other_users_of_the_host_reach_no_root_filesystem(stack: Stack) -> None:
    stack.add("web", mounts={"data": "srv"})
    stack.do("POST", "/containers/web/start/")
    data = Path(stack.variables["SPOCWEB_DATA_DIR"])
    for path in (
        data / "layers/base/bin",
        data / "containers/web/rootfs/bin",
        data / "containers/web/config",
        data / "volumes/data",
    ):
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "ls", str(path)]
        assert subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S).returncode != 0, path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_it_leaves_containers_running_and_a_new_start_finds_them(stack: Stack, number: signal.Signals) -> None:
    stack.add("web")
    stack.do("POST", "/containers/web/start/")
    pid = stack.get("/containers/web/")["pid"]
    processes = stack.processes()
    stack.stop(number)
    assert not [other for other in processes if Path(f"/proc/{other}").exists()]
    assert lxc.state(stack.layout, "web") == "RUNNING"
    stack.start()
    found = stack.get("/containers/web/")
    assert (found["state"], found["pid"]) == ("RUNNING", pid)
    assert stack.do("POST", "/containers/web/stop/")["state"] == "succeeded"


def test_containers_start_and_stop_by_hand_with_the_panel_stopped(stack: Stack) -> None:
    stack.add("web")
    stack.stop()
    try:
        path = str(stack.layout.containers)
        lxc.run("lxc-start", "-P", path, "-n", "web", "-d")
        assert lxc.state(stack.layout, "web") == "RUNNING"
        lxc.run("lxc-stop", "-P", path, "-n", "web", "-k")
        wait_until(lambda: not lxc.mounts(stack.layout), "the root filesystem is unmounted")
    finally:
        stack.start()


@pytest.mark.parametrize("pattern", ["gunicorn", "manage worker", "manage monitor", "manage sessions", "redis-server"])
def test_a_process_that_dies_is_started_again(stack: Stack, pattern: str) -> None:
    before = stack.pids(pattern)
    killed = before[0]
    children = [int(pid) for pid in Path(f"/proc/{killed}/task/{killed}/children").read_text().split()]
    os.kill(killed, signal.SIGKILL)
    # Its children go with it, a moment later.
    wait_until(lambda: not [pid for pid in (killed, *children) if Path(f"/proc/{pid}").exists()], f"{pattern} has ended")
    wait_until(lambda: set(stack.pids(pattern)) - set(before) and stack.answers(), f"{pattern} runs again")
    stack.add("web")
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"


def run_stack(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run `make run`'s command with other variables, where it must refuse."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "spocweb.settings", **variables}
    argv = [sys.executable, "-m", "manage", "run"]
    return subprocess.run(argv, env=environment, cwd="/", capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that says why it does not start."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    (line,) = (result.stdout + result.stderr).strip().splitlines()
    return line


def test_a_data_directory_in_use_is_refused(stack: Stack) -> None:
    others = {
        "SPOCWEB_RUN_DIR": f"{stack.base}/other-run",
        "SPOCWEB_LOG_DIR": f"{stack.base}/other-log",
        "SPOCWEB_BRIDGE": "sptother",
    }
    assert stack.variables["SPOCWEB_DATA_DIR"] in refusal(run_stack(**stack.variables | others))


def test_a_taken_port_is_refused(stack: Stack, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        variables = {
            name: f"/var/tmp/{tmp_path.name}-{name.lower()}"
            for name in ("SPOCWEB_DATA_DIR", "SPOCWEB_LOG_DIR", "SPOCWEB_RUN_DIR")
        }
        line = refusal(run_stack(**variables, SPOCWEB_BIND=f"127.0.0.1:{port}", SPOCWEB_BRIDGE="sptother"))
    for path in variables.values():
        lxc.run("rm", "-rf", path)
    assert str(port) in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPOCWEB_SUBNET", "10.88.0.1/22"),
        ("SPOCWEB_SUBNET", "10.88.0.0/31"),
        ("SPOCWEB_BRIDGE", "a-name-that-is-too-long"),
        ("SPOCWEB_BRIDGE", "br0; reboot"),
        ("SPOCWEB_BIND", "8000"),
        ("SPOCWEB_BIND", "127.0.0.1:99999"),
        ("SPOCWEB_IDMAP_BASE", "0"),
        ("SPOCWEB_JOB_CONCURRENCY", "many"),
        ("SPOCWEB_DATA_DIR", "relative"),
        ("SPOCWEB_DATA_DIR", "/var/lib/with space"),
        ("SPOCWEB_DATA_DIR", "/var/lib/a,b:c"),
        ("SPOCWEB_HOST", "-rf"),
    ],
)
def test_a_wrong_value_stops_the_start_with_one_line(stack: Stack, name: str, value: str) -> None:
    assert name in refusal(run_stack(**stack.variables | {name: value}))


def test_two_stacks_run_side_by_side_the_second_from_nothing(stack: Stack) -> None:
    other = Stack()
    try:
        other.start(from_nothing=True)
        other.add_layer()
        for each in (stack, other):
            each.add("web")
            assert each.do("POST", "/containers/web/start/")["state"] == "succeeded"
        addresses = {each.get("/containers/web/")["address"] for each in (stack, other)}
        assert len(addresses) == 2
        assert other.do("DELETE", "/containers/web/")["state"] == "succeeded"
        assert lxc.state(stack.layout, "web") == "RUNNING"
    finally:
        other.close()
