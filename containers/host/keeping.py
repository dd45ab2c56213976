"""Keeping what a container has written: its ephemeral layer becomes a layer like any other, whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from containers.domain import amounts
from containers.domain.layout import Layout
from containers.errors import CommandFailed, CommandTimeout, Conflict, HostError
from containers.host import files, layers
from containers.host.command import Runner
from containers.host.hook import OPEN_DIRECTORY
from containers.host.layers import Made
from containers.host.lxc import Lxc
from containers.host.overlay import OPAQUE
from containers.host.trees import walk
from containers.host.unpack import KEPT_FREE_BYTES

TIMEOUT_S: Final = 3600

# Everything as it is: whiteouts, hard links, holes, set-id bits, and attributes, without which nothing would be opaque.
_COPY: Final = (
    *("cp", "--recursive", "--no-dereference", "--one-file-system", "--sparse=auto", "--reflink=auto"),
    *("--preserve=mode,ownership,timestamps,links,xattr", "--no-target-directory", "--"),
)
_OVERLAY: Final = "trusted.overlay."
# What is only half here is refused by `tarball`, which says so.
_KEPT: Final = frozenset({OPAQUE, "trusted.overlay.redirect", "trusted.overlay.metacopy"})


def keep(layout: Layout, runner: Runner, container: str, name: str, *, freezes: bool, idmap_base: int, idmap_size: int) -> Made:
    """Copy the ephemeral layer of a container into a new layer; `freezes` for one that runs and is not frozen.

    Raises Conflict if the layer exists or nothing has been written, HostError with the reason; nothing half-made stays.
    """
    source = layout.ephemeral(container)
    if not any(source.iterdir()):
        raise Conflict(f"{container} has written nothing: its ephemeral layer is empty")
    with layers.new_layer(layout, runner, name, idmap_base=idmap_base) as path:
        _check_room(source, layout, runner)
        with frozen(layout, runner, container) if freezes else nullcontext():
            _copy(source, path, runner)
        _forget_layers_below(path)
        digest = layers.tree_digest(path, runner, idmap_base=idmap_base, idmap_size=idmap_size)
    return Made(layers.size(layout, runner, name), digest)


@contextmanager
def frozen(layout: Layout, runner: Runner, container: str) -> Iterator[None]:
    """Hold a running container frozen for a block, and thaw it whatever happens.

    A mark that is there as long has `thaw` do it for a process that was killed.
    """
    layout.thaw_mark(container).touch(mode=0o600)
    try:
        Lxc(layout, runner).freeze(container)
        yield
    finally:
        # A cancelled job's runner runs nothing any more.
        thaw(layout, runner.for_cleanup(), container)


def thaw(layout: Layout, runner: Runner, container: str) -> bool:
    """Let a container go on that a job has frozen for a while; return whether one had. Safe to repeat.

    Raises HostError, and leaves the mark, where that does not succeed: the monitor has it tried again.
    """
    mark = layout.thaw_mark(container)
    if not mark.exists():
        return False
    # One that was killed while it was frozen needs nothing any more.
    with suppress(Conflict):
        _unfreeze(Lxc(layout, runner), container)
    mark.unlink(missing_ok=True)
    return True


def _unfreeze(lxc: Lxc, container: str) -> None:
    try:
        lxc.unfreeze(container)
    except HostError as error:
        raise HostError(
            f"{container} is still frozen: {error.brief}",
            error.details,
            resolution="It is tried again every minute; *Unfreeze* on its page does the same.",
        ) from error


def _check_room(source: Path, layout: Layout, runner: Runner) -> None:
    needed = layers.tree_size(source, runner) + KEPT_FREE_BYTES
    if (missing := needed - files.free_bytes(layout.layers)) > 0:
        raise HostError(
            f"The disk of {layout.layers} has {amounts.size(missing)} too little room",
            resolution="A clean-up says what nothing uses",
        )


def _copy(source: Path, path: Path, runner: Runner) -> None:
    try:
        runner.run([*_COPY, source, path], timeout_s=TIMEOUT_S)
    except CommandTimeout:
        raise
    except CommandFailed as error:
        raise HostError(f"The copy failed: {error.output.strip() or error.brief}", error.output) from error


def _forget_layers_below(path: Path) -> None:
    """Take off what the overlay notes of the layers that it was mounted with; what hides them stays."""
    top = os.open(path, OPEN_DIRECTORY)
    try:
        _clean(f"/proc/self/fd/{top}".encode(), follow=True)
        for entry in walk(top):
            _clean(entry.proc_path, follow=False)
    finally:
        os.close(top)


def _clean(path: bytes, *, follow: bool) -> None:
    try:
        names = os.listxattr(path, follow_symlinks=follow)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            return
        raise
    for name in names:
        if name.startswith(_OVERLAY) and name not in _KEPT:
            os.removexattr(path, name, follow_symlinks=follow)
