"""Locks on containers and jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from containers.host.locks import Busy, Locks
from tests.support.waiting import wait_until


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "locks").mkdir()
    return tmp_path


@pytest.fixture
def locks(run_dir: Path) -> Locks:
    return Locks(run_dir)


def files(run_dir: Path) -> list[str]:
    return sorted(path.name for path in (run_dir / "locks").iterdir())


def test_what_is_held_is_busy_and_its_holder_named(locks: Locks, run_dir: Path) -> None:
    with locks.try_acquire(["web", "db"], "job 418"), pytest.raises(Busy) as caught:
        Locks(run_dir).try_acquire(["app", "db"], "job 419")

    assert (caught.value.name, caught.value.holder, caught.value.brief) == ("db", "job 418", "job 418 is changing db")


def test_all_or_nothing_is_taken(locks: Locks, run_dir: Path) -> None:
    with locks.try_acquire(["web"], "one"):
        with pytest.raises(Busy):
            locks.try_acquire(["app", "web"], "two")
        locks.try_acquire(["app"], "three").release()


def test_nothing_is_left_of_what_was_released(locks: Locks, run_dir: Path) -> None:
    held = locks.try_acquire(["web", "layer:base", "bridge:spocbr0"], "one")
    assert files(run_dir) == ["bridge-spocbr0", "container-web", "layer-base"]

    held.release()
    held.release()

    assert files(run_dir) == []
    locks.try_acquire(["web"], "two").release()


def test_a_name_twice_is_one_lock(locks: Locks) -> None:
    locks.try_acquire(["web", "web"], "one").release()


@pytest.mark.parametrize("name", ["", "../x", "a/b", "x:a/b", "-a", "a\nb", ".", "a" * 300])
def test_what_is_no_name_is_refused(locks: Locks, name: str) -> None:
    with pytest.raises(ValueError, match="names nothing that can be locked$"):
        locks.try_acquire([name], "one")


def test_a_job_is_alive_while_it_is_held(locks: Locks, run_dir: Path) -> None:
    assert not locks.is_job_alive(7)
    with locks.hold_job(7):
        assert Locks(run_dir).is_job_alive(7)
        with pytest.raises(Busy):
            locks.hold_job(7)
    assert not locks.is_job_alive(7)
    assert files(run_dir) == []


HOLDER = """
import pathlib, sys, time
from containers.host.locks import Locks
locks = Locks(pathlib.Path(sys.argv[1]))
held = locks.hold_job(7), locks.try_acquire(["web"], "job 7")
print("held", flush=True)
time.sleep(600)
"""


def test_a_killed_holder_lets_go(locks: Locks, run_dir: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(run_dir)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert locks.is_job_alive(7)
        with pytest.raises(Busy, match="^job 7 is changing web$"):
            locks.try_acquire(["web"], "job 8")
        process.kill()

    assert not locks.is_job_alive(7)
    locks.try_acquire(["web"], "job 8").release()
    assert files(run_dir) == []


FORKING = """
import os, pathlib, sys, time
from containers.host.locks import Locks
held = Locks(pathlib.Path(sys.argv[1])).hold_job(7)
if child := os.fork():
    print(child, flush=True)
time.sleep(600)
"""


def test_a_child_keeps_what_its_killed_parent_held(locks: Locks, run_dir: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", FORKING, str(run_dir)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait()

        assert locks.is_job_alive(7)
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: not locks.is_job_alive(7), "the lock goes with the child")


def test_a_started_program_does_not_keep_a_lock(locks: Locks) -> None:
    held = locks.try_acquire(["web"], "one")
    with subprocess.Popen(["sleep", "600"]) as process:
        held.release()
        locks.try_acquire(["web"], "two").release()
        process.kill()


def test_asking_whether_a_job_lives_never_keeps_it_from_beginning(locks: Locks, run_dir: Path) -> None:
    stop = threading.Event()

    def ask() -> None:
        asking = Locks(run_dir)
        while not stop.is_set():
            asking.is_job_alive(7)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            locks.hold_job(7).release()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_only_one_of_many_gets_a_lock(run_dir: Path) -> None:
    inside = 0
    most = 0
    guard = threading.Lock()

    def take() -> None:
        nonlocal inside, most
        for _ in range(100):
            try:
                held = Locks(run_dir).try_acquire(["web", "db"], "thread")
            except Busy:
                continue
            with guard:
                inside += 1
                most = max(most, inside)
            with guard:
                inside -= 1
            held.release()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1
    assert files(run_dir) == []
