"""LXC's monitor processes: one for each container, alive until the hooks after its end are done."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout

_PROC: Final = Path("/proc")


def pid_file(layout: Layout, name: str) -> Path:
    """Return where lxc-start leaves its monitor's number."""
    return layout.lxc_log(name).with_suffix(".pid")


def find(layout: Layout, name: str) -> int | None:
    """Return a container's monitor; first where we told lxc-start to leave its number, then among all processes."""
    if (pid := find_started(layout, name)) is not None:
        return pid
    title = _title(layout, name)
    pids = (pid for pid in os.listdir(_PROC) if pid.isdigit())  # noqa: PTH208  a Path for every process takes its time
    return next((int(pid) for pid in pids if _read_title(pid) == title), None)


def find_started(layout: Layout, name: str) -> int | None:
    """Return the monitor that the panel's own last start left, if it is alive: two small files are read."""
    try:
        pid = pid_file(layout, name).read_text().strip()
    except FileNotFoundError:
        return None
    # The number may belong to another process by now.
    return int(pid) if pid.isdigit() and _read_title(pid) == _title(layout, name) else None


def init_of(monitor: int | None) -> int | None:
    """Return the container's init, the one child of its monitor that is number 1 in a namespace of its own."""
    if monitor is None:
        return None
    try:
        children = (_PROC / f"{monitor}/task/{monitor}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(child) for child in children if _status(child, "NSpid").split()[1:] == ["1"]), None)


def kill(layout: Layout, name: str) -> None:
    """End a container whose start hangs: while hooks run, its monitor answers nobody. The hooks after it do not run."""
    if (pid := find(layout, name)) is None:
        return
    with suppress(ProcessLookupError):
        # A monitor leads a session, and the hooks it runs are in its group.
        os.killpg(pid, signal.SIGKILL) if os.getsid(pid) == pid else os.kill(pid, signal.SIGKILL)


@contextmanager
def watching(pid: int | None) -> Iterator[int | None]:
    """Open a process for waiting; None if there is none (any more)."""
    file = None
    if pid is not None:
        try:
            file = os.pidfd_open(pid)
        except ProcessLookupError:
            file = None
    try:
        yield file
    finally:
        if file is not None:
            os.close(file)


def has_ended(watched: int | None, timeout_s: float = 0) -> bool:
    """Return whether a watched process is gone, waiting up to `timeout_s` for that."""
    if watched is None:
        return True
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _title(layout: Layout, name: str) -> str:
    return f"[lxc monitor] {layout.containers} {name}"


def _read_title(pid: str) -> str:
    try:
        # Whoever has an account can give a process any title.
        is_roots = os.stat(f"/proc/{pid}").st_uid == 0  # noqa: PTH116  a Path for every process takes its time
        return (_PROC / pid / "cmdline").read_text(errors="replace").rstrip("\0 ") if is_roots else ""
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _status(pid: str, key: str) -> str:
    try:
        text = (_PROC / pid / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(f"{key}:")), "")
