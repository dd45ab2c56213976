"""The control groups that LXC makes for a container and, after a failure, sometimes leaves behind."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_DYING_S: Final = 5.0
_RETRY_S: Final = 0.02
# A group in use, or one that has just been removed by LXC itself.
_NOT_OURS_TO_REMOVE: Final = frozenset({errno.EBUSY, errno.ENOENT, errno.ENOTEMPTY})


def remove_left(name: str) -> None:
    """Remove what a killed or failed run left of a container's groups.

    The last processes in them may still be dying. One that stays in use is another stack's, of the same name.
    """
    deadline = time.monotonic() + _DYING_S
    while paths := left(name):
        for path in paths:
            for directory, _, _ in os.walk(path, topdown=False):
                _remove(directory)
        if time.monotonic() > deadline:
            return
        time.sleep(_RETRY_S)


def left(name: str) -> list[Path]:
    """Return the groups of all containers of this name, in every hierarchy."""
    return [
        top / f"lxc.{kind}.{name}"
        for top in _hierarchies()
        for kind in ("monitor", "payload")
        if (top / f"lxc.{kind}.{name}").is_dir()
    ]


def _hierarchies() -> Iterator[Path]:
    """Version 2 alone is one tree; with version 1 there is one for each controller."""
    yield _ROOT
    yield from (Path(entry.path) for entry in os.scandir(_ROOT) if entry.is_dir(follow_symlinks=False))


def _remove(directory: str) -> None:
    try:
        Path(directory).rmdir()
    except OSError as error:
        if error.errno not in _NOT_OURS_TO_REMOVE:
            raise
