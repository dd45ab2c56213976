"""Walking trees that somebody hostile may have made: no link is followed, and nothing outside is reached.

Standard library only: programs of their own use it without the panel's environment.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from containers.host.hook import OPEN_DIRECTORY

# The same number on every architecture (openat2(2), since Linux 5.6).
_SYS_OPENAT2: Final = 437
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_NO_SYMLINKS: Final = 0x04
_RESOLVE_BENEATH: Final = 0x08

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@dataclass(frozen=True)
class Entry:
    """What stands in a tree. `directory` is the open directory that it is in, valid until the next entry is asked for."""

    # From the top, without a leading slash.
    path: bytes
    name: bytes
    directory: int
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory, and not a link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_whiteout(self) -> bool:
        """Whether it hides what lower layers have under its name: a character device 0/0 (kernel: overlayfs.rst)."""
        return stat.S_ISCHR(self.status.st_mode) and self.status.st_rdev == 0

    @property
    def proc_path(self) -> bytes:
        """A path to it for calls that take no open directory; not to be followed where it is a link."""
        return b"/proc/self/fd/%d/%s" % (self.directory, self.name)


def open_beneath(top: int, path: bytes, flags: int = os.O_RDONLY, *, follow: bool = False) -> int:
    """Open what lies below an open directory, whatever its tree does meanwhile; `follow` allows links that stay inside.

    Raises OSError: ELOOP for a link, EXDEV for one that leads out, ENAMETOOLONG for more than 4095 bytes.
    """
    resolve = _RESOLVE_BENEATH | (_RESOLVE_NO_MAGICLINKS if follow else _RESOLVE_NO_SYMLINKS)
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    file = int(_libc.syscall(_SYS_OPENAT2, top, ctypes.c_char_p(path or b"."), ctypes.byref(how), ctypes.sizeof(how)))
    if file < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(path))
    return file


def walk(top: int) -> Iterator[Entry]:
    """Yield all that is below an open directory, always in the same order, on its own file system only.

    The entries of a directory come sorted and one after the other, then its directories' in turn. Memory is bounded by
    the largest directory, open files by two. A directory that is gone or was exchanged when its turn comes raises OSError.
    """
    device = os.fstat(top).st_dev
    pending = [b""]
    while pending:
        path = pending.pop()
        inner: list[bytes] = []
        for entry in _entries(top, path):
            if entry.is_directory and entry.status.st_dev == device:
                inner.append(entry.path)
            yield entry
        pending += reversed(inner)


def _entries(top: int, path: bytes) -> Iterator[Entry]:
    directory = open_beneath(top, path, OPEN_DIRECTORY)
    try:
        with os.scandir(directory) as found:
            names = sorted(os.fsencode(entry.name) for entry in found)
        for name in names:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            yield Entry(b"%s/%s" % (path, name) if path else name, name, directory, status)
    finally:
        os.close(directory)
