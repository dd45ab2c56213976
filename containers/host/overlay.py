"""Walking layers by open directories, and what one layer does to those below it. Reads only.

The forms are the overlay's own (Documentation/filesystems/overlayfs.rst): a character device 0/0 removes what is below
it, `trusted.overlay.opaque=y` on a directory hides all that the layers below have in it. No link is followed, nothing is
opened but directories: whoever exchanges a name for something else under our feet makes it vanish, no more.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from containers.domain.tree import Change, Entry, Kind, path_text
from containers.errors import NotFound
from containers.host.hook import OPEN_DIRECTORY

OPAQUE: Final = "trusted.overlay.opaque"

# What a name that is no directory, or none any more, answers to being opened as one.
_NO_DIRECTORY: Final = frozenset({errno.ENOTDIR, errno.ELOOP})
_NO_ATTRIBUTE: Final = frozenset({errno.ENODATA, errno.EOPNOTSUPP})
_KINDS: Final = {
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFREG: Kind.FILE,
    stat.S_IFLNK: Kind.LINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
    stat.S_IFCHR: Kind.DEVICE,
    stat.S_IFBLK: Kind.DEVICE,
}

Names = Sequence[bytes]


@dataclass(frozen=True)
class IdMap:
    """Which ids of the host are a container's."""

    base: int
    size: int

    def inside(self, number: int) -> int | None:
        """Return the container's id, None for one of the host's own."""
        return number - self.base if self.base <= number < self.base + self.size else None


def open_top(path: Path, stack: ExitStack) -> int:
    """Open the directory of a layer until the end of `stack`. Raises NotFound where there is none."""
    try:
        directory = os.open(path, OPEN_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"{path.name} is not on the host") from error
    stack.callback(os.close, directory)
    return directory


@contextmanager
def opened(top: int, names: Names) -> Iterator[int]:
    """Open the directory that `names` lead to from an open one.

    Raises FileNotFoundError, and NotADirectoryError where a name on the way is a link, another file system, or anything else.
    """
    device = os.fstat(top).st_dev
    directory = os.dup(top)
    try:
        for name in names:
            inner = _open_directory(name, directory)
            os.close(directory)
            directory = inner
            if os.fstat(directory).st_dev != device:
                raise NotADirectoryError(errno.ENOTDIR, "is another file system", name)
        yield directory
    finally:
        os.close(directory)


def _open_directory(name: bytes, parent: int) -> int:
    try:
        return os.open(name, OPEN_DIRECTORY, dir_fd=parent)
    except OSError as error:
        if error.errno in _NO_DIRECTORY:
            raise NotADirectoryError(errno.ENOTDIR, "is no directory", name) from error
        raise


def is_opaque(directory: int) -> bool:
    """Return whether an open directory hides what the layers below have in it."""
    try:
        return os.getxattr(directory, OPAQUE) == b"y"
    except OSError as error:
        if error.errno in _NO_ATTRIBUTE:
            return False
        raise


def is_whiteout(status: os.stat_result) -> bool:
    """Return whether this is no file but the mark that something below is removed."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def directories_below(layers: Sequence[int], names: Names, stack: ExitStack) -> Iterator[int]:
    """Open the same directory in the layers below, the nearest first, as far down as nothing hides the next."""
    for layer in layers:
        directory, hides = _find(layer, names)
        if directory is not None:
            stack.callback(os.close, directory)
            yield directory
        if hides:
            return


def _find(layer: int, names: Names) -> tuple[int | None, bool]:
    """Return the directory in one layer, if it has one, and whether the layer hides those below it."""
    directory, hides = os.dup(layer), False
    try:
        for name in names:
            inner = _open_directory(name, directory)
            os.close(directory)
            directory = inner
            hides = hides or is_opaque(directory)
    except FileNotFoundError:
        os.close(directory)
        return None, hides
    except NotADirectoryError:
        # A whiteout, or a file in the place of a directory.
        os.close(directory)
        return None, True
    return directory, hides


class Looker:
    """Looks at the names of one open directory, and at the same names in the directories below it."""

    def __init__(self, directory: int, below: Sequence[int], idmap: IdMap) -> None:
        self._directory = directory
        self._below = below
        self._idmap = idmap
        # System calls so far.
        self.looks = 0

    def status(self, name: bytes) -> os.stat_result | None:
        """Return what the kernel says of a name; None when it has vanished."""
        return self._look(name, self._directory)

    def change(self, name: bytes, status: os.stat_result) -> Change:
        """Return what a name of that status does to those below it."""
        if is_whiteout(status):
            return Change.REMOVED
        return Change.CHANGED if self._is_below(name) else Change.ADDED

    def entry(self, name: bytes) -> Entry | None:
        """Return all that is known of a name; None when it has vanished."""
        status = self.status(name)
        if status is None:
            return None
        kind = Kind.WHITEOUT if is_whiteout(status) else _KINDS[stat.S_IFMT(status.st_mode)]
        return Entry(
            name=path_text(name),
            kind=kind,
            change=self.change(name, status),
            mode=stat.S_IMODE(status.st_mode),
            uid=self._idmap.inside(status.st_uid),
            gid=self._idmap.inside(status.st_gid),
            size=status.st_size,
            modified_at=int(status.st_mtime),
            target=self._target(name) if kind == Kind.LINK else None,
            opaque=kind == Kind.DIRECTORY and self._is_opaque(name),
        )

    def _look(self, name: bytes, directory: int) -> os.stat_result | None:
        self.looks += 1
        try:
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _is_below(self, name: bytes) -> bool:
        for directory in self._below:
            if status := self._look(name, directory):
                return not is_whiteout(status)
        return False

    def _target(self, name: bytes) -> str | None:
        # Vanished, or no link any more.
        with suppress(OSError):
            return path_text(os.readlink(name, dir_fd=self._directory))
        return None

    def _is_opaque(self, name: bytes) -> bool:
        with suppress(FileNotFoundError, NotADirectoryError), opened(self._directory, [name]) as directory:
            return is_opaque(directory)
        return False
