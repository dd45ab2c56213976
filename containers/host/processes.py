"""What a process asks of the kernel for itself."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# include/uapi/linux/prctl.h
PR_SET_PDEATHSIG = 1
# proc(5): arg_start and arg_end are fields 48 and 49 of /proc/PID/stat, the state behind the command's name is field 3.
_ARGUMENTS: Final = slice(48 - 3, 50 - 3)


def die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send this process the signal `number` when its parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(number)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def set_title(title: str) -> None:
    """Have `ps` show other arguments for this process, which a fork has from its parent; what is too long is cut."""
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_ARGUMENTS])
    text = title.encode().replace(b" ", b"\0")[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def fork(title: str, remember: Callable[[int], object]) -> int:
    """Fork a child that goes by `title`, has no handlers for STOP_SIGNALS, and gets SIGTERM when this process ends.

    Return its number, or 0 in the child. `remember` is called with the number before a signal can come in between.
    """
    # A signal waits until both know who they are: the child would else stop its brothers.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    parent = os.getpid()
    pid = os.fork()
    if pid:
        remember(pid)
    else:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        set_title(title)
        die_with_parent(signal.SIGTERM)
        if os.getppid() != parent:
            # It ended before the kernel was asked to tell.
            os.kill(os.getpid(), signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    return pid
