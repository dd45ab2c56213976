"""The control groups that LXC makes for a container and leaves behind when its monitor is killed or a start fails."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout

_ROOT: Final = Path("/sys/fs/cgroup")
_DYING_S: Final = 5.0
# Longer than LXC takes from making a group to entering it.
_UNUSED_S: Final = 2.0
_RETRY_S: Final = 0.05
# Where a group of the name is there, LXC takes the next of these.
_SUFFIXES: Final = ("", *(f"-{number}" for number in range(1, 10)))
# A group that is still in use, or that LXC itself has just removed.
_NOT_NOW: Final = frozenset({errno.EBUSY, errno.ENOENT, errno.ENOTEMPTY})


def remove_left(layout: Layout, name: str) -> None:
    """Remove what is left of the groups of a container whose monitor is gone. The last processes may still be dying.

    LXC names groups after the container alone: another stack's of the same name may just have made its own and not
    entered it yet. So only what stays as it is for a while goes.
    """
    deadline = time.monotonic() + _DYING_S
    since: dict[tuple[Path, int], float] = {}
    while (left := _identify(_left(layout, name))) and (now := time.monotonic()) < deadline:
        since = {group: since.get(group, now) for group in left}
        for path in (path for (path, _), seen in since.items() if now - seen >= _UNUSED_S):
            for directory, _, _ in os.walk(path, topdown=False):
                _remove(Path(directory))
        time.sleep(_RETRY_S)


def _identify(paths: Iterable[Path]) -> set[tuple[Path, int]]:
    """Pair each group with its inode: one that was made anew under its old name is another."""
    found = set()
    for path in paths:
        with suppress(FileNotFoundError):
            found.add((path, path.stat().st_ino))
    return found


def _left(layout: Layout, name: str) -> Iterator[Path]:
    """Yield groups that no monitor answers for; another stack may have a container of the same name."""
    tops = list(_hierarchies())
    for suffix in _SUFFIXES:
        # "web-1" may be a container of its own.
        if suffix and layout.containers.joinpath(f"{name}{suffix}").exists():
            continue
        monitors, payloads = ([top / f"lxc.{kind}.{name}{suffix}" for top in tops] for kind in ("monitor", "payload"))
        if not any(map(_has_process, monitors)):
            yield from (path for path in (*monitors, *payloads) if path.is_dir())


def _hierarchies() -> Iterator[Path]:
    """Version 2 alone is one tree; with version 1 there is one for each controller."""
    yield _ROOT
    yield from (Path(entry.path) for entry in os.scandir(_ROOT) if entry.is_dir(follow_symlinks=False))


def _has_process(path: Path) -> bool:
    try:
        return bool((path / "cgroup.procs").read_text())
    except OSError:
        return False


def _remove(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError as error:
        if error.errno not in _NOT_NOW:
            raise
