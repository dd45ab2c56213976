"""The end of a container's console log. The web user may read the directory, nothing else."""

from __future__ import annotations

import os
import stat
from typing import Final

from django.conf import settings

from containers.domain.layout import Layout
from containers.domain.text import strip_controls

DEFAULT_BYTES: Final = 256 * 1024


def layout() -> Layout:
    """Return where everything is on this host."""
    return Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)


def tail(name: str, size: int = DEFAULT_BYTES) -> str:
    """Return the last `size` bytes of the log as text without terminal sequences; empty where there is no log.

    Begins with a whole line. What follows a link or is no file is not read: whoever writes the log is not trusted.
    """
    try:
        descriptor = os.open(layout().log(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return strip_controls(_read_end(descriptor, size).decode(errors="replace"))
    finally:
        os.close(descriptor)


def _read_end(descriptor: int, size: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return b""
    data = os.pread(descriptor, size, max(0, status.st_size - size))
    return data if status.st_size <= size else data.partition(b"\n")[2]
