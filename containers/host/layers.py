"""Layers: directories with parts of root filesystems, made completely or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.errors import CommandFailed, CommandTimeout, Conflict, HostError, InvalidRequest
from containers.host import busybox, files, unpack
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY
from containers.host.imports import Source

MAX_BYTES: Final = 32 << 30
TIMEOUT_S: Final = 3600

_UNPACK: Final = unpack.__file__
# lxc-usernsexec maps ids itself when it does not find newuidmap: see `starting`.
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/sbin"}
# No layer's name starts with a dot.
_UNFINISHED: Final = ".unfinished-"
_QUICK_TIMEOUT_S: Final = 600


def import_source(
    layout: Layout,
    runner: Runner,
    source: Source,
    name: str,
    *,
    idmap_base: int,
    idmap_size: int,
    max_bytes: int = MAX_BYTES,
    timeout_s: float = TIMEOUT_S,
) -> int:
    """Make a layer of a tar archive or a copy of a directory, owners shifted into the id map; return its size in bytes.

    What is in its /dev is left out, device files elsewhere refuse the whole. Raises Conflict if the layer exists,
    InvalidRequest with tar's reason; nothing half-made stays. Closes the source.
    """
    argv = ["/usr/bin/python3", "-I", "-S", _UNPACK, str(idmap_base), str(idmap_size), str(max_bytes)]
    # A program cannot have a directory as its stdin; ours, which is open, is reached through /proc without its path.
    argv += [f"/proc/{os.getpid()}/fd/{source.file}"] if source.is_directory else []
    stdin = None if source.is_directory else source.file
    with source, _new_layer(layout, runner, name, idmap_base=idmap_base) as path:
        try:
            runner.run(argv, stdin=stdin, cwd=path, env=_ENVIRONMENT, timeout_s=timeout_s)
        except CommandTimeout:
            raise
        except CommandFailed as error:
            # What follows the first line are its consequences.
            reason = error.output.strip().partition("\n")[0] or error.brief
            raise InvalidRequest(f"{source.path} cannot be made a layer: {reason}", details=error.output) from error
        if not any(path.iterdir()):
            raise InvalidRequest(f"{source.path} is empty")
    return size(layout, runner, name)


def make_busybox(layout: Layout, runner: Runner, name: str, *, idmap_base: int) -> int:
    """Make a small layer of the host's own busybox; return its size. Raises Conflict if it exists, HostError without one."""
    with _new_layer(layout, runner, name, idmap_base=idmap_base) as path:
        busybox.fill(path, runner, owner=idmap_base)
    return size(layout, runner, name)


def remove(layout: Layout, runner: Runner, name: str) -> None:
    """Remove a layer; one that is not there is fine. Raises Conflict while something is mounted from it."""
    path = layout.layer(name)
    runner.recorder.note(f"removes {path}")
    # Out of the way in one step: a removal that is interrupted leaves no half of a layer under its name.
    unfinished = layout.layers / f"{_UNFINISHED}{name}.{os.urandom(4).hex()}"
    try:
        path.rename(unfinished)
    except FileNotFoundError:
        return
    files.remove_tree(unfinished)


def size(layout: Layout, runner: Runner, name: str) -> int:
    """Return how many bytes of disk a layer takes."""
    argv = ["du", "--summarize", "--one-file-system", "--block-size=1", "--", os.fspath(layout.layer(name))]
    return int(runner.run(argv, timeout_s=_QUICK_TIMEOUT_S, record=False).output.split()[0])


def remove_unfinished(layout: Layout) -> None:
    """Remove what imports left that were killed; those that still run are left alone."""
    for path in layout.layers.glob(f"{_UNFINISHED}*"):
        _remove_unless_locked(path)


def _remove_unless_locked(path: Path) -> None:
    try:
        directory = os.open(path, OPEN_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        files.remove_tree(path)
    except BlockingIOError:
        # Its maker lives.
        return
    finally:
        os.close(directory)


@contextmanager
def _new_layer(layout: Layout, runner: Runner, name: str, *, idmap_base: int) -> Iterator[Path]:
    """Yield a new directory that becomes the layer when the block succeeds, and is removed when it does not."""
    remove_unfinished(layout)
    layer = layout.layer(name)
    if os.path.lexists(layer):
        raise Conflict(f"layer {name} exists already")
    path = layout.layers / f"{_UNFINISHED}{name}.{os.urandom(4).hex()}"
    files.make_directory(path, mode=0o755, uid=idmap_base, gid=idmap_base)
    directory = os.open(path, OPEN_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield path
        runner.run(["sync", "--file-system", path], timeout_s=_QUICK_TIMEOUT_S, record=False)
        path.rename(layer)
    except OSError as error:
        files.remove_tree(path)
        raise HostError(f"layer {name} could not be made: {error.strerror}") from error
    except BaseException:
        files.remove_tree(path)
        raise
    finally:
        os.close(directory)
