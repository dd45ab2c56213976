"""File locks on containers and jobs: held by the process that works, so they end with it, however it ends."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from containers.errors import Conflict

_NAME: Final = re.compile(r"([a-z]+:)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Whoever asks whether a job lives holds its lock for a moment.
_JOB_TRIES: Final = 40
_JOB_RETRY_S: Final = 0.005


class Busy(Conflict):
    """Someone else holds a lock; `holder` is what they said about themselves."""

    code = "busy"

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"{holder or 'Another process'} is changing {name}")
        self.name = name
        self.holder = holder


class Held:
    """Locks that are held until `release()` or the end of the `with` block; releasing twice is harmless."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def release(self) -> None:
        """Give all locks back and remove their files."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.release()


class Locks:
    """The locks below `run_dir`/locks. A forked child keeps what its parent holds, a started program does not."""

    def __init__(self, run_dir: Path) -> None:
        self._directory = run_dir / "locks"

    def try_acquire(self, names: Iterable[str], holder: str) -> Held:
        """Lock all these, in the order of their names, or none: raises Busy without waiting.

        A name is a container's, or another thing's with its kind before it: "layer:debian-12", "bridge:spocbr0".
        """
        with ExitStack() as stack:
            for name in sorted(set(names)):
                stack.callback(_release, *self._take(_file_name(name), name, holder))
            return Held(stack.pop_all())

    def hold_job(self, job_id: int) -> Held:
        """Mark a job as being worked on by this process; raises Busy if another one does."""
        for _ in range(_JOB_TRIES):
            try:
                return self._hold_job(job_id)
            except Busy:
                time.sleep(_JOB_RETRY_S)
        return self._hold_job(job_id)

    def is_job_alive(self, job_id: int) -> bool:
        """Return whether a process works on this job."""
        if not (self._directory / f"job-{job_id:d}").exists():
            return False
        try:
            self._hold_job(job_id).release()
        except Busy:
            return True
        return False

    def _hold_job(self, job_id: int) -> Held:
        stack = ExitStack()
        stack.callback(_release, *self._take(f"job-{job_id:d}", f"job {job_id:d}", f"process {os.getpid()}"))
        return Held(stack)

    def _take(self, file_name: str, name: str, holder: str) -> tuple[int, Path]:
        path = self._directory / file_name
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with ExitStack() as on_failure:
                on_failure.callback(os.close, file)
                _lock(file, name)
                if _is_still(file, path):
                    os.truncate(file, 0)
                    os.pwrite(file, holder.encode(), 0)
                    on_failure.pop_all()
                    return file, path


def _file_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} names nothing that can be locked")
    return name.replace(":", "-") if ":" in name else f"container-{name}"


def _lock(file: int, name: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy(name, os.pread(file, 200, 0).decode(errors="replace")) from error


def _is_still(file: int, path: Path) -> bool:
    """Return whether the path still leads to the open file: a holder that releases its lock removes it."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _release(file: int, path: Path) -> None:
    path.unlink(missing_ok=True)
    os.close(file)
