"""The layer that is being built: made empty before its container starts, and rid afterwards of what was there for the build.

It is the upper directory of the container's overlay, so before the start nobody but us has seen it, and after the stop
anything may be in it: links are never followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.errors import Conflict
from containers.host import files
from containers.host.hook import OPEN_DIRECTORY

_RESOLVER: Final = "resolv.conf"
# Where LXC binds the names of all containers; it makes the file where there is none (`create=file`).
_HOSTS: Final = "hosts"
_OVERLAY: Final = "trusted.overlay."
_OPAQUE: Final = f"{_OVERLAY}opaque"


def prepare(layout: Layout, name: str, parents: Sequence[str], resolver: str, *, idmap_base: int) -> None:
    """Make the directory of a new layer on `parents`, the lowest first, with `resolver` as its /etc/resolv.conf.

    Raises Conflict where there is one of the name.
    """
    layer = layout.layer(name)
    if os.path.lexists(layer):
        raise Conflict(f"there is a directory {layer} already, which belongs to no layer")
    top = layout.layer(parents[-1]).stat()
    # The upper directory becomes the `/`.
    files.make_directory(layer, mode=stat.S_IMODE(top.st_mode), uid=top.st_uid, gid=top.st_gid)
    if resolver and _make_etc(layout, layer, parents, idmap_base):
        path = layer / "etc" / _RESOLVER
        files.replace(path, resolver.encode(), mode=0o644, uid=idmap_base, gid=idmap_base)


def _make_etc(layout: Layout, layer: Path, parents: Sequence[str], idmap_base: int) -> bool:
    """Make /etc as it is in the parents; False where there it is anything but a directory."""
    below = _etc_below(layout, parents)
    if below is None:
        return files.make_directory(layer / "etc", mode=0o755, uid=idmap_base, gid=idmap_base)
    status = below.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return False
    files.make_directory(layer / "etc", mode=stat.S_IMODE(status.st_mode), uid=status.st_uid, gid=status.st_gid)
    for attribute in os.listxattr(below):
        if not attribute.startswith(_OVERLAY):
            os.setxattr(layer / "etc", attribute, os.getxattr(below, attribute))
    return True


def _etc_below(layout: Layout, parents: Sequence[str]) -> Path | None:
    """Return the topmost /etc of the parents."""
    paths = (layout.layer(parent) / "etc" for parent in reversed(parents))
    return next((path for path in paths if os.path.lexists(path)), None)


def finish(layout: Layout, name: str, parents: Sequence[str], resolver: str) -> None:
    """Take out of a layer whose container has stopped what the build put there, unless the recipe made something of it."""
    with _opened(layout.layer(name)) as top, suppress(FileNotFoundError, NotADirectoryError):
        with _opened("etc", top) as etc:
            _remove_if_same(etc, _RESOLVER, resolver.encode())
            _remove_if_same(etc, _HOSTS, b"")
            is_ours = not os.listdir(etc) and _is_plain(etc, _etc_below(layout, parents))  # noqa: PTH208  an open directory has no path
        if is_ours:
            os.rmdir("etc", dir_fd=top)


@contextmanager
def _opened(path: Path | str, directory: int | None = None) -> Iterator[int]:
    """Open a directory. Raises FileNotFoundError, NotADirectoryError, for a link, too."""
    file = os.open(path, OPEN_DIRECTORY, dir_fd=directory)
    try:
        yield file
    finally:
        os.close(file)


def _remove_if_same(directory: int, name: str, content: bytes) -> None:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        # A link, a whiteout, nothing: the recipe's own.
        return
    try:
        status = os.fstat(file)
        is_same = stat.S_ISREG(status.st_mode) and status.st_size == len(content) and os.read(file, len(content) + 1) == content
    finally:
        os.close(file)
    if is_same:
        os.unlink(name, dir_fd=directory)


def _is_plain(directory: int, below: Path | None) -> bool:
    """Return whether an empty directory says nothing that the one below it does not."""
    status = os.fstat(directory)
    if _OPAQUE in os.listxattr(directory):
        return False
    if below is None:
        return True
    wanted = below.lstat()
    return (status.st_mode, status.st_uid, status.st_gid) == (wanted.st_mode, wanted.st_uid, wanted.st_gid)
