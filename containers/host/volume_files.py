"""Files that root writes into volumes: what a container has made of the way there leads nowhere else."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, suppress
from pathlib import PurePosixPath

from containers.domain.layout import Layout
from containers.errors import HostError
from containers.host.hook import OPEN_DIRECTORY


def write(layout: Layout, volume: str, path: str, content: bytes, *, mode: int, uid: int, gid: int, once: bool = False) -> bool:
    """Write a file at a path relative to a volume, as a whole or not at all; return whether it was written.

    The ids are the host's; directories on the way that are missing belong to them, too. With `once`, a file that is there
    stays. Raises HostError where a part of the way is a link or no directory.
    """
    *directories, name = PurePosixPath(path).parts
    with ExitStack() as stack:
        try:
            directory = _descend(stack, layout, volume, directories, uid, gid)
            if once and _exists(directory, name):
                return False
            _replace(directory, name, content, mode, uid, gid)
        except OSError as error:
            raise HostError(f"the file {path} in the volume {volume} cannot be written: {_reason(error)}") from error
    return True


def _descend(stack: ExitStack, layout: Layout, volume: str, directories: list[str], uid: int, gid: int) -> int:
    current = os.open(layout.volume(volume), OPEN_DIRECTORY)
    stack.callback(os.close, current)
    for name in directories:
        try:
            os.mkdir(name, 0o755, dir_fd=current)
            made = True
        except FileExistsError:
            made = False
        current = os.open(name, OPEN_DIRECTORY, dir_fd=current)
        stack.callback(os.close, current)
        if made:
            os.fchown(current, uid, gid)
    return current


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _replace(directory: int, name: str, content: bytes, mode: int, uid: int, gid: int) -> None:
    temporary = f".{name[:200]}.{os.urandom(4).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=directory), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchown(stream.fileno(), uid, gid)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        # Whatever it was, it is passed on: only the half-written file goes.
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _reason(error: OSError) -> str:
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return "a part of the way is a link or no directory"
    return os.strerror(error.errno or 0)
