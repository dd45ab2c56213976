"""Reading an app's folder: only what root alone could have written, and through no link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from containers.errors import InvalidRequest

MAX_FILES: Final = 500
MAX_FILE_BYTES: Final = 4 << 20
MAX_TOTAL_BYTES: Final = 16 << 20

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class File(bytes):
    """What is in a file; `is_executable` says whether it can be run."""

    is_executable: bool = False


def read(folder: Path, *, trusted: bool) -> dict[str, bytes]:
    """Return the files below a folder by their paths; hidden ones are left out.

    With `trusted`, folder and files must belong to root and be nobody else's to write. Raises InvalidRequest naming what is
    a link, no file, too large, one too many, or somebody else's.
    """
    files: dict[str, bytes] = {}
    total = 0
    try:
        top = os.open(folder, _DIRECTORY)
    except OSError as error:
        raise InvalidRequest(f"{folder}: {error.strerror}") from error
    try:
        for path, content in _below(top, "", trusted):
            files[path] = content
            total += len(content)
            if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES:
                raise InvalidRequest(f"{folder} has more than {MAX_FILES} files, or {MAX_TOTAL_BYTES >> 20} MiB")
    except OSError as error:
        raise InvalidRequest(f"{folder}: {error.filename}: {error.strerror}") from error
    finally:
        os.close(top)
    return files


def read_hidden(folder: Path, name: str, *, max_bytes: int) -> bytes:
    """Return a hidden file of a folder, which must be root's alone. Raises InvalidRequest."""
    try:
        file = os.open(folder / name, _FILE)
    except OSError as error:
        raise InvalidRequest.of(name, f"{error.strerror} in {folder}") from error
    try:
        _check_owner(file, name, trusted=True)
        return os.read(file, max_bytes)
    finally:
        os.close(file)


def _below(directory: int, prefix: str, trusted: bool) -> Iterator[tuple[str, bytes]]:
    _check_owner(directory, prefix or ".", trusted)
    for name in sorted(os.listdir(directory)):
        if name.startswith("."):
            continue
        path = f"{prefix}{name}"
        file = os.open(name, _FILE, dir_fd=directory)
        try:
            if stat.S_ISDIR(os.fstat(file).st_mode):
                yield from _below(file, f"{path}/", trusted)
            else:
                yield path, _content(file, path, trusted)
        finally:
            os.close(file)


def _content(file: int, path: str, trusted: bool) -> File:
    _check_owner(file, path, trusted)
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequest.of(path, "is neither a file nor a directory")
    if status.st_size > MAX_FILE_BYTES:
        raise InvalidRequest.of(path, f"has more than {MAX_FILE_BYTES >> 20} MiB")
    with os.fdopen(os.dup(file), "rb") as stream:
        content = File(stream.read(MAX_FILE_BYTES + 1))
    content.is_executable = bool(status.st_mode & stat.S_IXUSR)
    return content


def _check_owner(file: int, path: str, trusted: bool) -> None:
    status = os.fstat(file)
    if trusted and (status.st_uid != 0 or status.st_mode & _OTHERS_WRITE):
        raise InvalidRequest.of(path, "does not belong to root alone: somebody else could have written it")
