"""The file of checkpoints: root appends, whoever is in the panel's group may read and copy it to another machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from containers.errors import HostError
from containers.host import files

# Some 350 bytes each. Beyond `MOST` the oldest go but for the last of each day.
MOST: Final = 10_000
RECENT: Final = 2_000
_DATE: Final = b'"at":"'


def append(path: Path, line: bytes) -> None:
    """Add a line, on the disk before this returns. Raises HostError."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        with os.fdopen(file, "wb") as stream:
            os.fchown(file, 0, path.parent.stat().st_gid)
            stream.write(line)
            stream.flush()
            os.fsync(file)
    except OSError as error:
        raise HostError(f"{path} cannot be written: {error.strerror}") from error


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file of checkpoints; one that is not there has none. Raises HostError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(file, "rb") as stream:
        yield from (line for line in stream if line.strip())


def last(path: Path) -> bytes | None:
    """Return the newest line; one that a power cut has left half-written does not count."""
    found = None
    for line in lines(path):
        found = line if line.endswith(b"\n") else found
    return found


def thin(path: Path) -> None:
    """Keep of a long file the newest lines, and of the older ones the last of each day. Safe to repeat."""
    every = list(lines(path))
    if len(every) <= MOST:
        return
    by_day = {_day(line): line for line in every[:-RECENT]}
    files.replace(path, b"".join([*by_day.values(), *every[-RECENT:]]), mode=0o640, gid=path.parent.stat().st_gid)


def _day(line: bytes) -> bytes:
    return line.partition(_DATE)[2][:10]
