"""What jobs left on the host that ended before their work did: unfinished layers and exports, downloads that are half here.

Nothing that somebody works on is among it: whoever makes a layer or an export holds a lock on it, and a job that fetches an
image or an app holds the lock of that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.host import app_store, downloads, files, layers, repository
from containers.host.command import Runner
from containers.host.locks import Busy, Locks

# A small file that is fetched takes two minutes at most, and then goes.
_SMALL_FILE_S: Final = 3600


def find(layout: Layout, runner: Runner) -> dict[str, int]:
    """Return all of it, by its place below the data directory, each with its bytes of disk."""
    found = {f"{layout.layers.name}/{name}": size for name, size in layers.leftovers(layout, runner).items()}
    for path in repository.unfinished_exports(layout):
        found |= _sized(layout, path)
    for path in sorted(layout.downloads.glob("*")):
        with _idle(layout, path) as is_idle:
            found |= _sized(layout, path) if is_idle else {}
    for name, path in app_store.leftovers(layout):
        with _free(layout, f"catalogue:{name}") as is_free:
            found |= {str(path.relative_to(layout.data_dir)): layers.tree_size(path, runner)} if is_free else {}
    return found


def remove(layout: Layout) -> None:
    """Remove all of it."""
    remove_dead(layout)
    for path in sorted(layout.downloads.glob("*")):
        with _idle(layout, path) as is_idle:
            if is_idle:
                path.unlink(missing_ok=True)


def remove_dead(layout: Layout) -> None:
    """Remove what nobody goes on with: all but the downloads, which the next try completes."""
    layers.remove_unfinished(layout)
    repository.remove_unfinished(layout)
    for name, path in app_store.leftovers(layout):
        with _free(layout, f"catalogue:{name}") as is_free:
            if is_free:
                files.remove_tree(path)


@contextmanager
def _idle(layout: Layout, path: Path) -> Iterator[bool]:
    """Yield whether nobody works on a download, and see to it that nobody does during the block."""
    lock = downloads.lock_of(path.name)
    if lock is None:
        yield _age(path) > _SMALL_FILE_S
        return
    with _free(layout, lock) as is_free:
        yield is_free


@contextmanager
def _free(layout: Layout, lock: str) -> Iterator[bool]:
    """Yield whether nobody holds a lock, and hold it during the block then."""
    try:
        held = Locks(layout.run_dir).try_acquire([lock], "a clean-up")
    except Busy:
        yield False
        return
    with held:
        yield True


def _age(path: Path) -> float:
    with suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime
    return 0.0


def _sized(layout: Layout, path: Path) -> dict[str, int]:
    with suppress(FileNotFoundError):
        return {str(path.relative_to(layout.data_dir)): path.lstat().st_blocks * 512}
    return {}
