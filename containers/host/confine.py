"""Shutting a process and all that it starts into one directory: for programs that read what somebody hostile has sent.

Standard library only, one way only: nothing of it can be taken back. In a mount namespace of its own the whole host is
read-only but for that directory, in which no device and no set-user-id file works. The process ends with the one that
started it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWPID: Final = 0x20000000
_CLONE_NEWNET: Final = 0x40000000
_MS_BIND: Final = 0x1000
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 1 << 18
_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_PR_SET_PDEATHSIG: Final = 1
# The same number on every architecture (mount_setattr(2), since Linux 5.12).
_SYS_MOUNT_SETATTR: Final = 442
_MOUNT_ATTR_RDONLY: Final = 0x1
_MOUNT_ATTR_NOSUID: Final = 0x2
_MOUNT_ATTR_NODEV: Final = 0x4

# lxc-usernsexec says 0 of a program that a signal ended; a shell says 128 and the signal's number, and which it was.
TELLING: Final = ("/bin/sh", "-c", '"$@"; exit $?', "sh")

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def die_with_parent() -> None:
    """Be killed when the process that started this one ends, however it does."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl")


def limit(max_file_bytes: int, *, max_memory: int = resource.RLIM_INFINITY) -> None:
    """Bound the files that are written, the memory of each process in bytes, and leave no core file."""
    # Python ignores the signal, and what it starts would, too: tar would take a file for complete that it could not write.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    for what, value in (
        (resource.RLIMIT_FSIZE, max_file_bytes),
        (resource.RLIMIT_AS, max_memory),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


def confine(directory: str, *, has_network: bool = False, seen_at: str = "") -> None:
    """Leave nothing writable but `directory`, and make it the working directory. Raises OSError naming the call.

    `seen_at` is an existing directory in whose place it stands, too: for programs that may not pass through its parents.
    """
    namespaces = _CLONE_NEWNS | _CLONE_NEWIPC | (0 if has_network else _CLONE_NEWNET)
    _check(_libc.unshare(namespaces), "unshare")
    _mount("", "/", _MS_REC | _MS_PRIVATE)
    _mount(directory, directory, _MS_BIND)
    if seen_at:
        _mount(directory, seen_at, _MS_BIND)
    _set_mount("/", _AT_RECURSIVE, to_set=_MOUNT_ATTR_RDONLY)
    # Id maps are written there, by root alone; what runs in a user namespace can change nothing but itself.
    _set_mount("/proc", 0, to_clear=_MOUNT_ATTR_RDONLY)
    for path in filter(None, (directory, seen_at)):
        _set_mount(path, 0, to_set=_MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV, to_clear=_MOUNT_ATTR_RDONLY)
    # The working directory still was on the mount below.
    os.chdir(seen_at or directory)


def separate_processes() -> None:
    """Have the next child be the first process of a namespace: everything in it is killed when that child ends."""
    _check(_libc.unshare(_CLONE_NEWPID), "unshare")


def show_processes() -> None:
    """Have /proc show the processes of this namespace, and no others; for its first process."""
    _mount("proc", "/proc", 0, kind="proc")


def _mount(source: str, target: str, flags: int, *, kind: str = "") -> None:
    code = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), b"")
    _check(code, f"mount {target}")


def _set_mount(path: str, flags: int, *, to_set: int = 0, to_clear: int = 0) -> None:
    attributes = _MountAttributes(to_set, to_clear, 0, 0)
    size = ctypes.sizeof(attributes)
    code = _libc.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, ctypes.byref(attributes), size)
    _check(code, f"mount_setattr {path}")


def _check(code: int, what: str) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
