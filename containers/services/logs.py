"""A container's console log: its end, what is new in it, what fits a search. The web user may read the directory, nothing else.

The container writes it, through LXC, so it is read as hostile. LXC empties the file when it is full
(`lxc.console.size`, lxc.container.conf(5)); somebody may replace it, too. Whoever follows it holds a `Position`.

Who may not edit the container, and so does not see the secrets of its definition (`services.disclosure`), does not read them
here either, nor can search for them.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from django.conf import settings

from containers.domain.layout import Layout
from containers.domain.secrecy import Masker
from containers.domain.text import strip_controls
from containers.services import known_secrets, sight

DEFAULT_BYTES: Final = 256 * 1024
# LXC keeps a log below 1 MiB; of a larger one, which somebody else has made, no more is read.
MOST_BYTES: Final = 4 * 1024 * 1024
MOST_LINES: Final = 10_000
# What one look at what is new brings; after more, lines are left out, and that is said.
PIECE_BYTES: Final = 256 * 1024
# How much before a position tells that it is still the same file.
MARK_BYTES: Final = 64

_POSITION: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,19})-([0-9]{1,10})", re.ASCII)


@dataclass(frozen=True)
class Position:
    """A place in a log, after a whole line. `mark` is the CRC-32 of what comes before it."""

    inode: int
    offset: int
    mark: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the position written as `str()` does, or None for anything else."""
        found = _POSITION.fullmatch(text)
        return cls(*map(int, found.groups())) if found else None

    def __str__(self) -> str:
        return f"{self.inode}-{self.offset}-{self.mark}"


@dataclass(frozen=True)
class Piece:
    """Lines of a log, without terminal sequences. `rest` is a last line that has not ended yet.

    `is_new`: they do not follow on what was read before: the log was emptied, replaced, or wrote more than one look takes.
    """

    lines: tuple[str, ...]
    rest: str
    position: str
    is_new: bool


NOTHING: Final = Piece((), "", "", is_new=False)


def layout() -> Layout:
    """Return where everything is on this host."""
    return Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)


def tail(name: str, size: int = DEFAULT_BYTES) -> str:
    """Return the last `size` bytes of the log as text without terminal sequences; empty where there is no log.

    Begins with a whole line. What follows a link or is no file is not read: whoever writes the log is not trusted.
    """
    with _opened(name) as descriptor:
        return "" if descriptor is None else _hiding(name)(_text(_end(descriptor, size)))


def last(name: str, count: int, search: str = "") -> Piece:
    """Return the last `count` lines, of those that hold `search` in any case."""
    with _opened(name) as descriptor:
        if descriptor is None:
            return NOTHING
        size = os.fstat(descriptor).st_size
        piece = _piece(descriptor, max(0, size - MOST_BYTES), size, _Wanted(search, _hiding(name)), is_new=False)
    return Piece(piece.lines[-count:], piece.rest, piece.position, is_new=False)


def after(name: str, position: str, search: str = "") -> Piece:
    """Return the lines since `position`, or, where that is no place in this log any more, the end of the log."""
    with _opened(name) as descriptor:
        if descriptor is None:
            return NOTHING
        size, place = os.fstat(descriptor).st_size, Position.parse(position)
        wanted = _Wanted(search, _hiding(name))
        begin = max(0, size - PIECE_BYTES)
        if place is not None and place.offset >= begin and place == _position(descriptor, place.offset):
            return _piece(descriptor, place.offset, size, wanted, is_new=False)
        return _piece(descriptor, begin, size, wanted, is_new=bool(position))


@contextmanager
def _opened(name: str) -> Iterator[int | None]:
    try:
        descriptor = os.open(layout().log(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def _end(descriptor: int, size: int) -> bytes:
    whole = os.fstat(descriptor).st_size
    data = os.pread(descriptor, size, max(0, whole - size))
    return data if whole <= size else data.partition(b"\n")[2]


def _piece(descriptor: int, begin: int, end: int, wanted: _Wanted, *, is_new: bool) -> Piece:
    data = os.pread(descriptor, end - begin, begin)
    if begin and os.pread(descriptor, 1, begin - 1) != b"\n":
        # From within a line: what is left of it is none.
        cut = data.find(b"\n") + 1
        begin, data = begin + cut, data[cut:]
    whole, newline, rest = data.rpartition(b"\n")
    lines = tuple(wanted.of(whole + newline)[:-1])
    position = _position(descriptor, begin + len(whole) + len(newline))
    return Piece(lines, "".join(wanted.of(rest)), str(position), is_new)


@dataclass(frozen=True)
class _Wanted:
    """Which lines somebody asks for, and what he may not see of them."""

    search: str
    hide: Callable[[str], str]

    def of(self, data: bytes) -> list[str]:
        """Return the lines; one that has not ended is the last one, empty where all have."""
        *lines, rest = self.hide(_text(data)).split("\n")
        found = [line for line in lines if self.search.casefold() in line.casefold()]
        return [*found, rest if self.search.casefold() in rest.casefold() else ""]


def _hiding(name: str) -> Callable[[str], str]:
    if sight.current().is_clear(name):
        return str
    masker = Masker(known_secrets.of_name(name))
    return lambda text: "\n".join(masker.mask(line) for line in text.split("\n"))


def _position(descriptor: int, offset: int) -> Position:
    size = min(offset, MARK_BYTES)
    return Position(os.fstat(descriptor).st_ino, offset, zlib.crc32(os.pread(descriptor, size, offset - size)))


def _text(data: bytes) -> str:
    return strip_controls(data.decode(errors="replace"))
