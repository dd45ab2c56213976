"""What goes wrong in the middle of a job: processes killed, Redis emptied or away, containers ended from outside."""

from __future__ import annotations

import json
import os
import pickle
import signal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support import lxc
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.lxc]

# Not ready before the test says so.
GATED = {"ready": "test -e /srv/go", "mounts": {"gate": "srv"}, "timeouts": {"ready": 600}}


def client(stack: Stack) -> redis.Redis:
    run_dir = Path(stack.variables["SPOCWEB_RUN_DIR"])
    password = (run_dir / "redis-users/root").read_text()
    return redis.Redis(unix_socket_path=f"{run_dir}/redis/redis.sock", username="root", password=password)


def open_gate(stack: Stack) -> None:
    (Path(stack.layout.volume("gate")) / "go").touch()


def begin(stack: Stack) -> int:
    """Begin to start `web` behind `db`, whose readiness the test holds back; return the job's id."""
    go = Path(stack.layout.volume("gate")) / "go"
    go.unlink(missing_ok=True)
    stack.add("db", **GATED)
    stack.add("web", depends=["db"])
    job_id = stack.call("POST", "/containers/web/start/").json["job"]
    wait_until(lambda: stack.state("db") == "RUNNING", "db runs")
    return int(job_id)


def working(stack: Stack, job_id: int) -> int:
    """The process that works on the job: it holds the job's lock, and says so in it."""
    return int((stack.layout.locks / f"job-{job_id}").read_text().split()[1])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def finish(stack: Stack) -> None:
    """The next job on the same containers succeeds, and nothing stray is left."""
    open_gate(stack)
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    assert stack.do("POST", "/containers/db/stop/")["state"] == "succeeded"
    assert lxc.mounts(stack.layout) == []
    assert not stack.get("/jobs/?state=running")["count"]


def test_kill_of_the_working_process_makes_the_job_lost(stack: Stack) -> None:
    job_id = begin(stack)
    os.kill(working(stack, job_id), signal.SIGKILL)
    job = stack.ended(job_id)
    assert job["state"] == "lost"
    assert {step["state"] for step in job["steps"]} <= {"lost", "cancelled", "succeeded"}
    finish(stack)


def test_kill_of_the_launcher_lets_the_job_end_by_itself(stack: Stack) -> None:
    job_id = begin(stack)
    os.kill(parent_of(working(stack, job_id)), signal.SIGKILL)
    open_gate(stack)
    assert stack.ended(job_id)["state"] == "succeeded"
    finish(stack)


def test_stopping_the_stack_cancels_the_job_and_says_so(stack: Stack) -> None:
    job_id = begin(stack)
    stack.stop()
    stack.start()
    job = stack.ended(job_id)
    assert (job["state"], "stopped" in job["reason"]) == ("cancelled", True)
    finish(stack)


def test_a_flush_of_redis_loses_no_job(stack: Stack) -> None:
    job_id = begin(stack)
    waiting = stack.call("POST", "/containers/db/stop/").json["job"]
    wait_until(lambda: stack.job(waiting)["state"] == "waiting", "the second job waits")
    assert stack.job(waiting)["reason"] == f"job {job_id} is changing db"
    client(stack).flushall()
    open_gate(stack)
    assert stack.ended(job_id)["state"] == "succeeded"
    assert stack.ended(waiting)["state"] == "succeeded"
    finish(stack)


def test_a_job_asked_for_while_redis_is_away_is_done_when_it_is_back(stack: Stack) -> None:
    stack.add("web")
    (pid,) = stack.pids("redis-server")
    os.kill(pid, signal.SIGSTOP)
    try:
        # Refused connections are one way to be away, silence the other: the answer comes all the same.
        os.kill(pid, signal.SIGKILL)
        answer = stack.call("POST", "/containers/web/start/")
    finally:
        wait_until(lambda: stack.pids("redis-server"), "redis runs again")
    assert answer.status == 202
    assert stack.ended(answer.json["job"])["state"] == "succeeded"


def test_a_container_killed_from_outside_ends_its_readiness_check_at_once(stack: Stack) -> None:
    job_id = begin(stack)
    lxc.run("lxc-stop", "-k", "-P", str(stack.layout.containers), "-n", "db")
    job = stack.ended(job_id)
    assert job["state"] == "failed"
    assert stack.state("web") == "STOPPED"
    finish(stack)


def test_a_container_killed_from_outside_while_it_stops(stack: Stack) -> None:
    stack.add("web", cmd="/bin/sh -c 'trap \"\" USR1; while :; do sleep 1; done'", halt="SIGUSR1", timeouts={"stop": 600})
    stack.do("POST", "/containers/web/start/")
    job_id = stack.call("POST", "/containers/web/stop/").json["job"]
    wait_until(lambda: stack.job(job_id)["state"] == "running", "the stop is at work")
    lxc.run("lxc-stop", "-k", "-P", str(stack.layout.containers), "-n", "web")
    assert stack.ended(job_id)["state"] == "succeeded"


def test_lxcs_monitor_process_killed_leaves_nothing_that_keeps_from_starting_again(stack: Stack) -> None:
    stack.add("web")
    stack.do("POST", "/containers/web/start/")
    os.kill(parent_of(stack.get("/containers/web/")["pid"]), signal.SIGKILL)
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    assert stack.do("POST", "/containers/web/stop/")["state"] == "succeeded"
    assert lxc.mounts(stack.layout) == []


def test_states_arrive_from_lxc_itself(stack: Stack) -> None:
    stack.add("web", cmd="/bin/sh -c 'while ! test -e /srv/end; do sleep 0.1; done'", mounts={"gate": "srv"})
    (Path(stack.layout.volume("gate")) / "end").unlink(missing_ok=True)
    lxc.run("lxc-start", "-P", str(stack.layout.containers), "-n", "web", "-d")
    # Sooner than at the next look at everything, which comes once a minute.
    wait_until(lambda: stack.state("web") == "RUNNING", "a start by hand is seen", timeout_s=30)
    assert stack.get("/containers/web/")["pid"]
    (Path(stack.layout.volume("gate")) / "end").touch()
    wait_until(lambda: stack.state("web") == "STOPPED", "an end by itself is seen", timeout_s=30)


def test_cancel_now_ends_the_command_that_runs(stack: Stack) -> None:
    job_id = begin(stack)
    assert stack.call("POST", f"/jobs/{job_id}/cancel/", {"now": True}).status in {200, 202}
    job = stack.ended(job_id)
    assert job["state"] == "cancelled"
    assert stack.state("web") == "STOPPED"
    retry = stack.call("POST", f"/jobs/{job_id}/retry/")
    open_gate(stack)
    again = stack.ended(retry.json["job"])
    assert (again["state"], again["retry_of"]) == ("succeeded", job_id)
    finish(stack)


def test_a_readiness_check_that_prints_without_end_is_bounded(stack: Stack) -> None:
    stack.add("web", ready="head -c 100000000 /dev/zero | tr '\\0' x; exit 1", timeouts={"ready": 2})
    job = stack.do("POST", "/containers/web/start/")
    assert job["state"] == "failed"
    assert sum(len(command["output"]) for step in job["steps"] for command in step["commands"]) < 1_000_000


class Touch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self._path}",))


def test_forged_queue_entries_are_refused_by_the_real_worker(stack: Stack, tmp_path: Path) -> None:
    server, queue, target = client(stack), "rq:queue:host:testhost", tmp_path / "made"
    command = f"touch {target}"
    entries: list[dict[str, Any]] = [
        {"data": json.dumps(["os.system", None, [command], {}])},
        {"data": json.dumps(["eval", None, [f"__import__('os').system('{command}')"], {}])},
        {"data": pickle.dumps(("os.system", None, (command,), {}))},
        {"data": json.dumps(["containers.jobs.runner.run_job", None, [1], {}]), "meta": pickle.dumps(Touch(target))},
        {"data": json.dumps(["x", None, [], {}]), "failure_callback_name": "os.getpid", "stopped_callback_name": "os.getpid"},
        {"data": json.dumps(["x", None, [], {}]), "webhooks": json.dumps([{"url": "http://127.0.0.1:1/"}]), "timeout": "-1"},
        {"nothing": "at all"},
        {"data": b"\xff" * 2_000, "status": "started", "created_at": "never"},
    ]
    for number, entry in enumerate(entries):
        server.hset(f"rq:job:forged-{number}", mapping={"origin": "host:testhost", **entry})
        server.rpush(queue, f"forged-{number}")
    server.rpush(queue, b"\xff\xfe", "no-such-job", "x" * 10_000)
    server.set("rq:suspended", 1)
    server.publish("rq:pubsub:*", json.dumps({"command": "shutdown"}))
    stack.add("web")
    assert stack.do("POST", "/containers/web/start/")["state"] == "succeeded"
    assert not target.exists()
    wait_until(lambda: "os.system" in stack.log.read_text(), "the refusal is on record")
    server.delete("rq:suspended")


def test_no_zombies_and_no_processes_of_ended_jobs(stack: Stack) -> None:
    stack.add("web")
    workers = int(stack.variables["SPOCWEB_JOB_WORKERS"])
    for _ in range(5):
        assert stack.do("POST", "/containers/web/restart/")["state"] == "succeeded"
    wait_until(lambda: len(stack.pids("manage worker")) == workers, "as many workers as there shall be")
    states = {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in stack.processes()}
    assert "Z" not in states
