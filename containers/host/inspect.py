"""Looking into layers: what a directory holds, what it changes of the layers below, the bytes of one file. Reads only.

What is looked at may be hostile, and may belong to a container that runs and changes it under our feet: see `overlay`.
Of files only plain ones are opened, after the kernel has said that they are.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from containers.domain.text import strip_controls
from containers.domain.tree import Change, Counts, Entry, Listing, Preview, Summary, path_text
from containers.errors import InvalidRequest, NotFound
from containers.host import overlay
from containers.host.overlay import IdMap, Looker, Names

__all__ = ["IdMap", "Names", "Tree"]

# Names of one directory that are read and sorted: one with more is shown in part.
MAX_NAMES: Final = 1_000_000
# System calls that counting may take: a second or two, for one directory or a whole layer.
MAX_LOOKS: Final = 50_000
MAX_LOOKS_OF_ALL: Final = 100_000
# A container may nest directories without bound; what is deeper is counted as not looked at.
MAX_DEPTH: Final = 200
MAX_PREVIEW_BYTES: Final = 128 << 10
BLOCK_BYTES: Final = 512

_OPEN_PATH: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Tree:
    """An open layer with the layers below it, the nearest first. Use it in a `with` block."""

    def __init__(self, top: Path, below: Iterable[Path], idmap: IdMap) -> None:
        """Open all of them. Raises NotFound where one is missing or no directory."""
        self._idmap = idmap
        with ExitStack() as stack:
            self._top, *self._below = [overlay.open_top(path, stack) for path in (top, *below)]
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._stack.close()

    def listing(self, path: Names, *, offset: int = 0, limit: int = 500) -> Listing:
        """Return one level, directories first, then by name. Raises NotFound, InvalidRequest where it is no directory."""
        with self._looker(path) as (directory, looker):
            names, complete = _sorted_names(directory)
            entries = [entry for name in names[offset : offset + limit] if (entry := looker.entry(name))]
            counts = _count(looker, names)
        return Listing(
            path=_text(path), total=len(names), offset=offset, entries=tuple(entries), counts=counts, complete=complete
        )

    def entry(self, path: Names) -> Entry:
        """Return what is known of one path below the top. Raises NotFound, InvalidRequest."""
        if not path:
            raise InvalidRequest.of("path", "is the top itself")
        with self._looker(path[:-1]) as (_, looker):
            entry = looker.entry(path[-1])
        if entry is None:
            raise _not_found(path)
        return entry

    @contextmanager
    def open_file(self, path: Names) -> Iterator[int]:
        """Open a plain file for reading and yield its descriptor. Raises NotFound, InvalidRequest for anything else."""
        if not path:
            raise InvalidRequest.of("path", "is a directory")
        with self._looker(path[:-1]) as (directory, _):
            file = _open_plain(path, directory)
        try:
            yield file
        finally:
            os.close(file)

    def preview(self, path: Names, *, max_bytes: int = MAX_PREVIEW_BYTES) -> Preview:
        """Return the beginning of a file, made harmless, and what is known of it. Raises what `open_file` raises."""
        with self.open_file(path) as file:
            head = _read(file, max_bytes + 1)
            size = os.fstat(file).st_size
        text = _as_text(head[:max_bytes], is_whole=len(head) <= max_bytes)
        return Preview(entry=self.entry(path), size=size, text=text, complete=len(head) <= max_bytes)

    def summary(self, *, max_looks: int = MAX_LOOKS_OF_ALL) -> Summary:
        """Return size and changes of the whole tree, as far as about `max_looks` system calls go."""
        summing = _Summing(max_looks)
        todo: list[Names] = [()]
        while todo and summing.may_go_on:
            path = todo.pop()
            try:
                with self._looker(path) as (directory, looker):
                    inner = summing.add(directory, looker, depth=len(path))
            except (NotFound, InvalidRequest):
                # Vanished meanwhile, or no directory any more.
                continue
            todo += [(*path, name) for name in inner]
        return summing.result(is_complete=not todo)

    @contextmanager
    def _looker(self, path: Names) -> Iterator[tuple[int, Looker]]:
        try:
            with ExitStack() as stack:
                directory = stack.enter_context(overlay.opened(self._top, path))
                below = list(overlay.directories_below(self._below, path, stack))
                yield directory, Looker(directory, below, self._idmap)
        except FileNotFoundError as error:
            raise _not_found(path) from error
        except NotADirectoryError as error:
            raise InvalidRequest.of("path", f"{_text(path)} is no directory, or leads through something that is none") from error


class _Summing:
    """Adds up what directories hold."""

    def __init__(self, max_looks: int) -> None:
        self._left = max_looks
        self._size = 0
        self._counts = dict.fromkeys(Change, 0)
        self._seen: set[int] = set()
        self._is_complete = True

    @property
    def may_go_on(self) -> bool:
        return self._left > 0

    def add(self, directory: int, looker: Looker, *, depth: int) -> list[bytes]:
        """Add one open directory; return the names of those in it that are to be added, too."""
        inner = []
        # Opening it, and the same in every layer below, took about as many calls for each name of its path.
        self._left -= (depth + 1) * 4
        for name in _names(directory):
            if (status := looker.status(name)) is None:
                continue
            if stat.S_ISDIR(status.st_mode):
                inner.append(name)
            else:
                self._counts[looker.change(name, status)] += 1
            self._add_size(status)
            if looker.looks > self._left:
                self._is_complete = False
                break
        self._left -= looker.looks
        if inner and depth >= MAX_DEPTH:
            self._is_complete = False
            return []
        return inner

    def _add_size(self, status: os.stat_result) -> None:
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            if status.st_ino in self._seen:
                return
            self._seen.add(status.st_ino)
        self._size += status.st_blocks * BLOCK_BYTES

    def result(self, *, is_complete: bool) -> Summary:
        """Return the sums."""
        complete = is_complete and self._is_complete
        return Summary(size=self._size, counts=Counts(**{str(key): n for key, n in self._counts.items()}, complete=complete))


def _names(directory: int) -> Iterator[bytes]:
    with os.scandir(directory) as entries:
        for entry in entries:
            yield os.fsencode(entry.name)


def _sorted_names(directory: int) -> tuple[list[bytes], bool]:
    """Return the names, those of directories first, and whether they are all."""
    with os.scandir(directory) as entries:
        found = [(not entry.is_dir(follow_symlinks=False), os.fsencode(entry.name)) for entry in islice(entries, MAX_NAMES + 1)]
    names = [name for _, name in sorted(found[:MAX_NAMES])]
    return names, len(found) <= MAX_NAMES


def _count(looker: Looker, names: Iterable[bytes]) -> Counts:
    """Count what a directory's names are, as far as `MAX_LOOKS` go."""
    counts, most = dict.fromkeys(Change, 0), looker.looks + MAX_LOOKS
    complete = True
    for name in names:
        if looker.looks > most:
            complete = False
            break
        if status := looker.status(name):
            counts[looker.change(name, status)] += 1
    return Counts(**{str(key): n for key, n in counts.items()}, complete=complete)


def _open_plain(path: Names, directory: int) -> int:
    """Open a file only when it is a plain one: opening a device or a FIFO could do something."""
    try:
        handle = os.open(path[-1], _OPEN_PATH, dir_fd=directory)
    except FileNotFoundError as error:
        raise _not_found(path) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_dev != os.fstat(directory).st_dev:
            raise InvalidRequest.of("path", f"{_text(path)} is no plain file")
        # The very file that was looked at, whatever has its name by now: see O_PATH in open(2).
        return os.open(f"/proc/self/fd/{handle}", _OPEN_FILE)
    finally:
        os.close(handle)


def _read(file: int, size: int) -> bytes:
    data = b""
    while len(data) < size and (chunk := os.read(file, size - len(data))):
        data += chunk
    return data


def _as_text(data: bytes, *, is_whole: bool) -> str | None:
    """Return UTF-8 without control characters; None for anything else. The last character may be cut in two."""
    if b"\0" in data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if is_whole or error.start < len(data) - 3:
            return None
        text = data[: error.start].decode()
    return strip_controls(text)


def _text(path: Names) -> str:
    return path_text(b"/".join(path))


def _not_found(path: Names) -> NotFound:
    return NotFound(f"There is no {_text(path)} here")
