"""The files that a recipe copies, read from beside it: no link is followed, so nothing from elsewhere gets into an image."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from containers.domain.instructions import Copy, Recipe
from containers.domain.recipe import MAX_FILES
from containers.errors import InvalidRequest
from containers.services.recipes import MAX_FILE_BYTES, FileContent

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ANY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read(directory: Path, recipe: Recipe) -> dict[str, FileContent]:
    """Return the files that COPY names, and all below the directories that it names, by their paths below `directory`.

    Raises InvalidRequest naming one that is missing, a link, no file, too large, or one too many.
    """
    sources = {source for step in recipe.instructions if isinstance(step, Copy) for source in step.sources}
    files: dict[str, FileContent] = {}
    top = os.open(directory, _DIRECTORY & ~os.O_NOFOLLOW)
    try:
        for path, file in _opened(top, sorted(sources)):
            files[path] = _content(path, file)
            if len(files) > MAX_FILES:
                raise InvalidRequest(f"COPY names more than {MAX_FILES} files")
    finally:
        os.close(top)
    return files


def _opened(top: int, sources: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield each file, open until the next is asked for."""
    for source in sources:
        parts = [] if source == "." else source.split("/")
        yield from _below(top, source, parts)


def _below(directory: int, path: str, parts: list[str]) -> Iterator[tuple[str, int]]:
    """Walk down to a file or a directory, and yield what is there; `path` is what messages call it."""
    if not parts:
        yield from _all(directory, "" if path == "." else f"{path}/")
        return
    file = _open(directory, parts[0], path)
    try:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            yield from _below(file, path, parts[1:])
        elif len(parts) > 1:
            raise InvalidRequest.of(path, "a part of it is not a directory")
        else:
            yield path, file
    finally:
        os.close(file)


def _all(directory: int, prefix: str) -> Iterator[tuple[str, int]]:
    for name in sorted(os.listdir(directory)):
        yield from _below(directory, f"{prefix}{name}", [name])


def _open(directory: int, name: str, path: str) -> int:
    try:
        return os.open(name, _ANY, dir_fd=directory)
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        reason = "is a symbolic link, which is not followed" if is_link else os.strerror(error.errno or 0)
        raise InvalidRequest.of(path, reason) from error


def _content(path: str, file: int) -> FileContent:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequest.of(path, "is not a file")
    with os.fdopen(file, "rb", closefd=False) as stream:
        content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise InvalidRequest.of(path, f"has more than {MAX_FILE_BYTES >> 20} MiB: have RUN download it")
    return FileContent(content, is_executable=bool(status.st_mode & stat.S_IXUSR))
