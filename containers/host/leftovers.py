"""Processes that a command has left in a container: ended, so that what they write is whole when the container is killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from containers.host.command import Runner

_PROC: Final = Path("/proc")
_GRACE_S: Final = 10.0
_KILL_GRACE_S: Final = 5.0
_POLL_S: Final = 0.05
# proc_pid_stat(5): the state stands behind the command's name, which may hold any character.
_DEAD: Final = frozenset("ZX")


def end(init: int, runner: Runner) -> int:
    """End all processes of the PID namespace whose first process is `init`, but that one; return how many there were.

    They are asked by SIGTERM, as at a shutdown, and killed after ten seconds. Raises Cancelled.
    """
    namespace = _namespace(init)
    found = _others(init, namespace)
    asked: set[int] = set()
    began = time.monotonic()
    while (left := _others(init, namespace)) and (elapsed := time.monotonic() - began) < _GRACE_S + _KILL_GRACE_S:
        runner.check_cancelled()
        for pid in left if elapsed > _GRACE_S else left - asked:
            _signal(pid, namespace, signal.SIGKILL if elapsed > _GRACE_S else signal.SIGTERM)
        asked |= left
        time.sleep(_POLL_S)
    return len(found | asked)


def _others(init: int, namespace: str) -> set[int]:
    pids = (int(name) for name in os.listdir(_PROC) if name.isdigit())  # noqa: PTH208  a Path for every process takes its time
    return {pid for pid in pids if pid != init and _namespace(pid) == namespace and _lives(pid)}


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115  as above
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    try:
        return (_PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in _DEAD
    except (FileNotFoundError, ProcessLookupError):
        return False


def _signal(pid: int, namespace: str, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        file = os.pidfd_open(pid)
        try:
            # The number may belong to another process by now; the open one cannot change.
            if _namespace(pid) == namespace:
                signal.pidfd_send_signal(file, number)
        finally:
            os.close(file)
