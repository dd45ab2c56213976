"""From the whiteouts of an OCI layer (image-spec, layer.md) to those of overlayfs. Standard library only.

`.wh.NAME` becomes a character device 0/0 called NAME, `.wh..wh..opq` an attribute of its directory, which only root of the
host can set. The tree was unpacked from what somebody hostile sent: no link in it is followed.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from containers.host.hook import OPEN_DIRECTORY
from containers.host.tarball import OPAQUE_ATTRIBUTE, OPAQUE_NAME, WHITEOUT_PREFIX
from containers.host.trees import Entry, walk

# Of aufs, whose names OCI took over: its own notes, which hide nothing.
_AUFS_PREFIX: Final = b".wh..wh."


class WhiteoutError(Exception):
    """Why a tree cannot be a layer: one sentence."""


@dataclass
class Tree:
    """What was found in a tree: how many entries, and how long its files are together, holes included."""

    entries: int = 0
    file_bytes: int = 0


def translate(top: int, *, owner: int) -> Tree:
    """Translate all whiteouts below an open directory that nobody else changes; return what is there."""
    tree = Tree()
    linked: set[int] = set()
    for entry in walk(top):
        if entry.name.startswith(WHITEOUT_PREFIX):
            # The directory keeps its time: the same tree has the same digest after it has travelled.
            times = os.fstat(entry.directory)
            _translate(entry, owner)
            os.utime(entry.directory, ns=(times.st_atime_ns, times.st_mtime_ns))
            continue
        tree.entries += 1
        if stat.S_ISREG(entry.status.st_mode) and entry.status.st_ino not in linked:
            tree.file_bytes += entry.status.st_size
            if entry.status.st_nlink > 1:
                linked.add(entry.status.st_ino)
    return tree


def _translate(entry: Entry, owner: int) -> None:
    if entry.is_directory:
        raise WhiteoutError(f"{os.fsdecode(entry.path)!r} is a directory with the name of a whiteout")
    os.unlink(entry.name, dir_fd=entry.directory)
    if entry.name == OPAQUE_NAME:
        if b"/" not in entry.path:
            # The kernel does not look at the attributes of a layer's top directory.
            raise WhiteoutError("it hides everything in the layers below: import what is in it without them")
        os.setxattr(entry.directory, OPAQUE_ATTRIBUTE, b"y")
    elif not entry.name.startswith(_AUFS_PREFIX):
        _hide(entry.name.removeprefix(WHITEOUT_PREFIX), entry, owner)


def _hide(name: bytes, entry: Entry, owner: int) -> None:
    if name in {b"", b".", b".."}:
        raise WhiteoutError(f"{os.fsdecode(entry.path)!r} hides nothing that could have a name")
    try:
        os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=entry.directory)
        os.chown(name, owner, owner, dir_fd=entry.directory, follow_symlinks=False)
    except FileExistsError:
        _hide_below(name, entry)


def _hide_below(name: bytes, entry: Entry) -> None:
    """Hide what lower layers have in a directory that is in this layer, too; anything else hides it by being there."""
    with suppress(NotADirectoryError):
        try:
            directory = os.open(name, OPEN_DIRECTORY, dir_fd=entry.directory)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return
            raise
        try:
            os.setxattr(directory, OPAQUE_ATTRIBUTE, b"y")
        finally:
            os.close(directory)
