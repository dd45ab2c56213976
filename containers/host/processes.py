"""What a process asks the kernel about itself."""

from __future__ import annotations

import ctypes
import os
import signal

# include/uapi/linux/prctl.h
PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send this process the signal `number` when its parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(number)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
