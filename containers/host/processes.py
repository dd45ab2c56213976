"""What a process asks of the kernel for itself."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import Final

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
