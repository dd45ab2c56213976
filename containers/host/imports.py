"""Opening what a layer is imported from: root reads it for somebody who could not, so no link is followed."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from containers.domain.layout import Layout
from containers.errors import InvalidRequest
from containers.host.hook import OPEN_DIRECTORY

_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UPLOAD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", re.ASCII)


@dataclass
class Source:
    """An open archive or directory; closed at the end of the `with` block, or by whoever reads it to its end."""

    path: Path
    file: int
    is_directory: bool

    def close(self) -> None:
        """Close it; closing twice is harmless."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def open_source(path: Path, allowed: Iterable[Path]) -> Source:
    """Open an archive or a directory below one of the allowed directories.

    Raises InvalidRequest if it is anywhere else, a link or below one, missing, or neither file nor directory.
    """
    below = next((directory for directory in allowed if path.is_relative_to(directory) and path != directory), None)
    if below is None or ".." in path.parts:
        places = ", ".join(str(directory) for directory in allowed)
        raise InvalidRequest.of("path", f"{path} is not below any directory that may be imported from: {places}")
    return _open(path, below)


def open_upload(layout: Layout, name: str) -> Source:
    """Open a file that the web process stored. Raises InvalidRequest if it is not a plain file of this name."""
    if not _UPLOAD.fullmatch(name):
        raise InvalidRequest.of("archive", "is not an upload's name")
    source = _open(layout.uploads / name, layout.uploads)
    # Another name of a file that the web process could not read would make root read it.
    if source.is_directory or os.fstat(source.file).st_nlink != 1:
        source.close()
        raise InvalidRequest.of("archive", "is not a plain file")
    return source


def open_file(path: Path) -> Source:
    """Open a file that root made where nobody else can. Raises InvalidRequest if it is gone."""
    return _open(path, path.parent)


def remove_upload(layout: Layout, name: str) -> None:
    """Remove a file that the web process stored; one that is gone already, or never could be one, is fine."""
    if _UPLOAD.fullmatch(name):
        # What stands there in its place is for whoever put it there.
        with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
            (layout.uploads / name).unlink()


def _open(path: Path, below: Path) -> Source:
    *directories, last = path.relative_to(below).parts
    try:
        file = _walk(below, directories, last)
    except OSError as error:
        raise InvalidRequest.of("path", f"{path}: {_reason(error)}") from error
    mode = os.fstat(file).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        os.close(file)
        raise InvalidRequest.of("path", f"{path} is neither a file nor a directory")
    os.set_blocking(file, True)
    return Source(path, file, stat.S_ISDIR(mode))


def _walk(below: Path, directories: Iterable[str], last: str) -> int:
    """Open step by step, so that nothing on the way can be exchanged for a link."""
    current = os.open(below, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
    try:
        for name in directories:
            inner = os.open(name, OPEN_DIRECTORY, dir_fd=current)
            os.close(current)
            current = inner
        return os.open(last, _OPEN_FILE, dir_fd=current)
    finally:
        os.close(current)


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a symbolic link, which is not followed"
    if error.errno == errno.ENOTDIR:
        return "a part of it is a symbolic link or not a directory"
    return os.strerror(error.errno or 0)
