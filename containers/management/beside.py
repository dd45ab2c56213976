"""Recipes in files, and the files that they copy, from beside them: no link is followed, nothing from elsewhere gets in."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.core.management.base import CommandError

from containers.domain.instructions import Copy, Recipe
from containers.domain.recipe import MAX_FILES, parse
from containers.errors import InvalidRequest, SpocError
from containers.services.recipes import MAX_FILE_BYTES, FileContent

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ANY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def recipe(file: str) -> tuple[str, dict[str, FileContent]]:
    """Return the text of a recipe in a file, or of `-` on standard input, and the files that it copies from beside it.

    Raises CommandError where it cannot be read, InvalidRequest with every line that is wrong, and what `read` raises.
    """
    text = _text(file)
    return text, read(Path(file).parent if file != "-" else Path(), parse(text))


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Tell what the block refuses line by line, after `what`, as CommandError."""
    try:
        yield
    except InvalidRequest as error:
        lines = [f"{item.field}: {item.message}" if item.field else item.message for item in error.errors] or [error.brief]
        raise CommandError("\n".join([what, *lines])) from error
    except SpocError as error:
        raise CommandError(str(error)) from error


def _text(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not text in UTF-8: {error.reason} at byte {error.start}") from error


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
