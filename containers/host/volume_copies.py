"""Copies of volumes, made while nothing writes, and put back in their place: each there as a whole or not at all."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from containers.domain.amounts import size
from containers.domain.layout import Layout
from containers.errors import CommandFailed, HostError
from containers.host import files, room, volumes
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY

_TIMEOUT_S: Final = 24 * 3600
# A copy under way: its name is none that a volume can have, and nobody's removal takes it while it is locked.
_UNFINISHED: Final = ".unfinished-"


def copy(layout: Layout, runner: Runner, volume: str, name: str) -> int:
    """Copy the volume `volume` to `name`, sharing blocks where the file system can; return how many bytes it takes.

    A copy that is there already stays. Raises HostError before the disk is full; nothing half-made stays under the name.
    """
    target = layout.volume(name)
    if target.exists():
        return volumes.measure(layout, runner, name)
    needed = volumes.measure(layout, runner, volume)
    unfinished = layout.volumes / f"{_UNFINISHED}{name}.{os.urandom(4).hex()}"
    files.make_directory(unfinished, mode=0o700)
    lock = os.open(unfinished, OPEN_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runner.recorder.note(f"copies {size(needed)} of {volume}")
        _copy(runner, layout.volume(volume), unfinished / "tree")
        (unfinished / "tree").rename(target)
    finally:
        files.remove_tree(unfinished)
        os.close(lock)
    return needed


def _copy(runner: Runner, source: Path, target: Path) -> None:
    # "-a": links stay links, owners and attributes stay; nothing writes meanwhile, so no name leads elsewhere later.
    words = ["cp", "--archive", "--no-target-directory", "--reflink=auto", "--one-file-system", "--"]
    argv = [*words, os.fspath(source), os.fspath(target)]
    try:
        runner.run(argv, timeout_s=_TIMEOUT_S, watch=lambda: room.require(target.parent))
    except CommandFailed:
        # It may have filled the disk between two looks: then that is the reason, and not the file that it was at.
        room.require(target.parent)
        raise


def put_back(layout: Layout, volume: str, name: str) -> bool:
    """Put the copy `name` in the place of `volume`, of which nothing stays; return whether there was a copy.

    A second run finds what the first one left, wherever it ended. Nothing may have either mounted.
    """
    copy_path, path = layout.volume(name), layout.volume(volume)
    if not copy_path.exists():
        return False
    volumes.set_aside(layout, volume)
    if os.path.lexists(path):
        raise HostError(f"the volume {volume} is in the way of its copy")
    copy_path.rename(path)
    return True
