"""The volumes on this host: which there are, how large, who runs with them, and their removal.

What is in them belongs to containers: nothing is opened through a link, and no name in them is believed.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from containers.domain import names
from containers.domain.layout import Layout
from containers.host import facts, files
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY

# A removal under way: its name is none that a volume can have.
_UNFINISHED: Final = ".unfinished-"
_MEASURE_TIMEOUT_S: Final = 3600
_SOURCE: Final = re.compile(r"^lxc\.mount\.entry = (\S+) ", re.MULTILINE)


def listing(layout: Layout) -> dict[str, bool]:
    """Return {volume: whether it is a file}, at the cost of one directory; what is neither file nor directory is left out."""
    found: dict[str, bool] = {}
    with suppress(FileNotFoundError), os.scandir(layout.volumes) as entries:
        for entry in entries:
            is_file, is_directory = entry.is_file(follow_symlinks=False), entry.is_dir(follow_symlinks=False)
            if (is_file or is_directory) and _is_name(entry.name):
                found[entry.name] = is_file
    return found


def measure(layout: Layout, runner: Runner, name: str) -> int:
    """Return how many bytes of disk a volume takes, other file systems in it apart. Raises CommandFailed, FileNotFoundError."""
    path = layout.volume(name)
    path.lstat()
    argv = ["du", "--summarize", "--one-file-system", "--block-size=1", "--", os.fspath(path)]
    # 1: a file went while du was looking, as files do in a volume that is in use; the sum stands all the same.
    output = runner.run(argv, timeout_s=_MEASURE_TIMEOUT_S, ok_codes=(0, 1)).output
    return int(re.findall(r"^([0-9]+)\t", output, re.MULTILINE)[-1])


def running_users(layout: Layout, name: str) -> list[str]:
    """Return the running containers whose configuration, as they were started with it, mounts the volume."""
    source = os.fspath(layout.volume(name))
    return sorted(container for container in facts.running_names(layout) if source in _sources(layout, container))


def set_aside(layout: Layout, name: str) -> None:
    """Take a volume out of the way in one step; one that is not there is fine."""
    aside = layout.volumes / f"{_UNFINISHED}{name}.{os.urandom(4).hex()}"
    with suppress(FileNotFoundError):
        layout.volume(name).rename(aside)


def remove_set_aside(layout: Layout) -> None:
    """Remove all that was set aside, by this job or by one that was killed; what another job is at is left to it."""
    for path in layout.volumes.glob(f"{_UNFINISHED}*"):
        _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
        directory = os.open(path, OPEN_DIRECTORY) if stat.S_ISDIR(mode) else None
    except FileNotFoundError:
        return
    if directory is None:
        path.unlink(missing_ok=True)
        return
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        files.remove_tree(path)
    except BlockingIOError:
        # Another job removes it.
        return
    finally:
        os.close(directory)


def _sources(layout: Layout, container: str) -> list[str]:
    try:
        return _SOURCE.findall(layout.config(container).read_text(errors="replace"))
    except (OSError, ValueError):
        return []


def _is_name(name: str) -> bool:
    try:
        names.volume_name(name)
    except ValueError:
        return False
    return True
