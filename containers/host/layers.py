"""Layers: directories with parts of root filesystems, made completely or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.errors import CommandFailed, CommandTimeout, Conflict, HostError, InvalidRequest
from containers.host import busybox, files, tarball, unpack
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY
from containers.host.imports import Source
from containers.host.progress import Progress

MAX_BYTES: Final = 32 << 30
MAX_ENTRIES: Final = 2_000_000
TIMEOUT_S: Final = 3600

# Our own programs: with nothing but the standard library, and only from where this code is.
PROGRAM: Final = ("/usr/bin/python3", "-s", "-S", "-P", "-m")
# lxc-usernsexec maps ids itself when it does not find newuidmap: see `starting`.
ENVIRONMENT: Final = {"PATH": "/usr/sbin:/sbin", "PYTHONPATH": os.fspath(Path(__file__).parents[2])}
_UNPACK: Final = unpack.__name__
# No layer's name starts with a dot.
_UNFINISHED: Final = ".unfinished-"
_QUICK_TIMEOUT_S: Final = 600
# What tar and decompressors say before they say why.
_NOISE: Final = ("tar: Removing leading ", "Broken pipe")


@dataclass(frozen=True)
class Made:
    """What a layer turned out to be: bytes of disk, and the SHA-256 of its tar stream (see `Layer.digest`)."""

    size_bytes: int
    digest: str


def import_source(
    layout: Layout,
    runner: Runner,
    source: Source,
    name: str,
    *,
    idmap_base: int,
    idmap_size: int,
    max_bytes: int = MAX_BYTES,
    max_entries: int = MAX_ENTRIES,
    timeout_s: float = TIMEOUT_S,
) -> Made:
    """Make a layer of a tar archive or a copy of a directory, owners shifted into the id map.

    What is in its /dev is left out, device files elsewhere refuse the whole; the whiteouts of OCI layers become overlayfs'
    own. Raises Conflict if the layer exists, InvalidRequest with tar's reason; nothing half-made stays. Closes the source.
    """
    with source, new_layer(layout, runner, name, idmap_base=idmap_base) as path:
        limits = (max_bytes, max_entries, timeout_s)
        digest = unpack_into(path, runner, source, idmap_base=idmap_base, idmap_size=idmap_size, limits=limits)
        _check_root_filesystem(path, source)
    return Made(size(layout, runner, name), digest)


def _check_root_filesystem(path: Path, source: Source) -> None:
    names = {entry.name for entry in path.iterdir()}
    if not names:
        raise InvalidRequest(f"{source.path} is empty")
    if {"oci-layout", "index.json"} <= names or ("manifest.json" in names and not names & {"usr", "bin", "etc"}):
        raise InvalidRequest(f"{source.path} is an image, not a root filesystem", resolution="Import it as an image.")


def unpack_into(
    path: Path,
    runner: Runner,
    source: Source,
    *,
    idmap_base: int,
    idmap_size: int,
    limits: tuple[int, int, float] = (MAX_BYTES, MAX_ENTRIES, TIMEOUT_S),
    what: str = "",
    made: str = "a layer",
) -> str:
    """Unpack or copy an open source into a new directory, in a child that cannot leave it; return the stream's digest.

    `limits` are bytes, entries and seconds. The step's note says how far it is, after `what`. Raises InvalidRequest with
    tar's reason and what could not be `made`, CommandTimeout, Cancelled; the caller removes the directory then.
    """
    max_bytes, max_entries, timeout_s = limits
    with Progress(runner.recorder, source, what=what) as progress:
        numbers = map(str, (idmap_base, idmap_size, max_bytes, max_entries))
        argv = [*PROGRAM, _UNPACK, *numbers, progress.report_path]
        # A program cannot have a directory as its stdin; ours, which is open, is reached through /proc without its path.
        argv += [f"/proc/{os.getpid()}/fd/{source.file}"] if source.is_directory else []
        stdin = None if source.is_directory else source.file
        try:
            runner.run(argv, stdin=stdin, cwd=path, env=ENVIRONMENT, timeout_s=timeout_s, watch=progress.watch)
        except CommandTimeout:
            raise
        except CommandFailed as error:
            reason = _cause(error.output) or error.brief
            raise InvalidRequest(f"{source.path} cannot be made {made}: {reason}", details=error.output) from error
        return progress.digest


def _cause(output: str) -> str:
    """Return the first line that says why: what follows are its consequences, warnings and broken pipes come before."""
    lines = [line for line in output.strip().split("\n") if line]
    return next((line for line in lines if not any(noise in line for noise in _NOISE)), lines[0] if lines else "")


def make_busybox(layout: Layout, runner: Runner, name: str, *, idmap_base: int, idmap_size: int = 65_536) -> Made:
    """Make a small layer of the host's own busybox. Raises Conflict if it exists, HostError without one."""
    with new_layer(layout, runner, name, idmap_base=idmap_base) as path:
        busybox.fill(path, runner, owner=idmap_base)
    return measure(layout, runner, name, idmap_base=idmap_base, idmap_size=idmap_size)


def measure(layout: Layout, runner: Runner, name: str, *, idmap_base: int, idmap_size: int) -> Made:
    """Look at a layer that was made in place: its size, and the digest of the one tar stream of it (`host.tarball`)."""
    digest = tree_digest(layout.layer(name), runner, idmap_base=idmap_base, idmap_size=idmap_size)
    return Made(size(layout, runner, name), digest)


def tree_digest(path: Path, runner: Runner, *, idmap_base: int, idmap_size: int) -> str:
    """Return the SHA-256 of the one tar stream of a tree with mapped owners. Raises HostError with the reason."""
    argv = [*PROGRAM, tarball.__name__, "--digest", str(idmap_base), str(idmap_size), os.fspath(path)]
    try:
        return runner.run(argv, env=ENVIRONMENT, timeout_s=TIMEOUT_S).output.strip()
    except CommandTimeout:
        raise
    except CommandFailed as error:
        raise HostError(f"{path.name} cannot be read: {error.output.strip() or error.brief}") from error


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
    return tree_size(layout.layer(name), runner)


def tree_size(path: Path, runner: Runner) -> int:
    """Return how many bytes of disk a directory takes with all that is in it."""
    argv = ["du", "--summarize", "--one-file-system", "--block-size=1", "--", os.fspath(path)]
    return int(runner.run(argv, timeout_s=_QUICK_TIMEOUT_S, record=False).output.split()[0])


def leftovers(layout: Layout, runner: Runner) -> dict[str, int]:
    """Return what killed jobs left where layers are made, by name, each with its bytes of disk."""
    found = {}
    for path in sorted(layout.layers.glob(f"{_UNFINISHED}*")):
        # Gone meanwhile, or its maker lives.
        with suppress(FileNotFoundError, BlockingIOError), _locked(layout, path):
            found[path.name] = tree_size(path, runner)
    return found


def remove_unfinished(layout: Layout) -> None:
    """Remove what imports left that were killed; those that still run are left alone."""
    for path in layout.layers.glob(f"{_UNFINISHED}*"):
        with suppress(FileNotFoundError, BlockingIOError), _locked(layout, path):
            # Its maker does not live.
            files.remove_tree(path)


@contextmanager
def _locked(layout: Layout, path: Path) -> Iterator[None]:
    """Hold the lock that says that somebody works on an unfinished directory. Raises BlockingIOError if another does."""
    parent = os.open(layout.layers, OPEN_DIRECTORY)
    try:
        # Whoever makes one holds this until it is locked.
        fcntl.flock(parent, fcntl.LOCK_EX)
        directory = os.open(path, OPEN_DIRECTORY)
    finally:
        os.close(parent)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(directory)


@contextmanager
def new_layer(layout: Layout, runner: Runner, name: str, *, idmap_base: int) -> Iterator[Path]:
    """Yield a new directory that becomes the layer when the block succeeds, and is removed when it does not."""
    require_free(layout, name)
    with unfinished(layout, name, idmap_base=idmap_base) as path:
        yield path
        sync(path, runner)
        publish(layout, path, name)


@contextmanager
def unfinished(layout: Layout, name: str, *, idmap_base: int) -> Iterator[Path]:
    """Yield a new directory on the layers' file system, of the map's root, that is removed unless it got another name.

    Nobody but root of the host gets into it by its path. What a killed process left is removed by the next one.
    """
    remove_unfinished(layout)
    path = layout.layers / f"{_UNFINISHED}{name}.{os.urandom(4).hex()}"
    directory = _make_locked(layout, path, owner=idmap_base)
    try:
        yield path
    except OSError as error:
        raise HostError(f"layer {name} could not be made: {error.strerror}") from error
    finally:
        files.remove_tree(path)
        os.close(directory)


def _make_locked(layout: Layout, path: Path, *, owner: int) -> int:
    parent = os.open(layout.layers, OPEN_DIRECTORY)
    try:
        fcntl.flock(parent, fcntl.LOCK_EX)
        files.make_directory(path, mode=0o755, uid=owner, gid=owner)
        directory = os.open(path, OPEN_DIRECTORY)
        fcntl.flock(directory, fcntl.LOCK_EX)
    finally:
        os.close(parent)
    return directory


def sync(path: Path, runner: Runner) -> None:
    """Have the file system written, so that a layer is whole also after a power cut."""
    runner.run(["sync", "--file-system", path], timeout_s=_QUICK_TIMEOUT_S, record=False)


def publish(layout: Layout, path: Path, name: str) -> None:
    """Give an unfinished directory its layer's name. Raises Conflict if there is such a layer."""
    require_free(layout, name)
    path.rename(layout.layer(name))


def require_free(layout: Layout, name: str) -> None:
    """Raise Conflict if there is something of that name."""
    if os.path.lexists(layout.layer(name)):
        raise Conflict(f"layer {name} exists already")
