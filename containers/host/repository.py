"""The host's own repository: files of images and apps and a signed index in one directory, always as others can use them.

Every file is there before an index names it, and goes after the last index that names it. Who changes it holds a lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.domain import repository, signature
from containers.domain.entries import AppEntry, Entry
from containers.domain.image import ImageRef
from containers.domain.layout import Layout
from containers.domain.repository import Index
from containers.errors import HostError, SpocError
from containers.host import files

_MODE: Final = 0o640
_UNFINISHED: Final = ".unfinished-"


def read(layout: Layout, key: str) -> Index:
    """Return the own index, checked as everybody checks it; the one before the first where there is none.

    Raises HostError where somebody else has changed it: only root can.
    """
    raw = _read(layout.repository / repository.INDEX)
    if raw is None:
        return repository.first_index()
    try:
        return repository.verified_index(raw, _read(layout.repository / repository.SIGNATURE) or b"", key)
    except SpocError as error:
        raise HostError(
            f"The index in {layout.repository} cannot be used: {error.brief}",
            resolution="Move the directory's files elsewhere and export the images again: a new index is made.",
        ) from error


@contextmanager
def unfinished(layout: Layout) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new file of the repository that goes at the end of the block, unless it was given a name (`add`).

    It is locked while its maker lives: `tidy` removes those of makers that were killed.
    """
    path = layout.repository / f"{_UNFINISHED}{os.urandom(4).hex()}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield path, stream
    finally:
        path.unlink(missing_ok=True)


def add(layout: Layout, key: Ed25519PrivateKey, entry: Entry | AppEntry, file: Path, now: datetime) -> None:
    """Give a finished file the name that `entry` has for it, and put the entry into the index. Safe to repeat."""
    public = signature.public_key_of(key)
    before = read(layout, public)
    os.chown(file, 0, layout.repository.stat().st_gid)
    file.chmod(_MODE)
    file.replace(layout.repository / entry.file)
    _sync(layout.repository)
    _publish(layout, key, before.with_entry(entry, now))
    tidy(layout, public)


def remove(layout: Layout, key: Ed25519PrivateKey, ref: ImageRef, now: datetime) -> None:
    """Take an image out of the index, then its file out of the directory. Raises NotFound."""
    public = signature.public_key_of(key)
    _publish(layout, key, read(layout, public).without(ref, now))
    tidy(layout, public)


def remove_app(layout: Layout, key: Ed25519PrivateKey, name: str, now: datetime) -> None:
    """Take an app out of the index, then its file out of the directory. Raises NotFound."""
    public = signature.public_key_of(key)
    _publish(layout, key, read(layout, public).without_app(name, now))
    tidy(layout, public)


def tidy(layout: Layout, key: str) -> None:
    """Remove what jobs left that were killed: files without an end, and files that no index names."""
    index = read(layout, key)
    named = {entry.file for entry in index.entries}
    for path in layout.repository.glob("*@*.tar"):
        if path.name not in named:
            path.unlink(missing_ok=True)
    remove_unfinished(layout)


def unfinished_exports(layout: Layout) -> list[Path]:
    """Return the files without an end whose makers are gone."""
    found = []
    for path in sorted(layout.repository.glob(f"{_UNFINISHED}*")):
        with _unlocked(path) as is_left:
            found += [path] if is_left else []
    return found


def remove_unfinished(layout: Layout) -> None:
    """Remove the files without an end whose makers are gone."""
    for path in layout.repository.glob(f"{_UNFINISHED}*"):
        with _unlocked(path) as is_left:
            if is_left:
                path.unlink(missing_ok=True)


def _publish(layout: Layout, key: Ed25519PrivateKey, index: Index) -> None:
    """Replace index and signature. Whoever reads in between, or after a crash in between, finds two that fit."""
    raw = index.encode()
    before = _read(layout.repository / repository.INDEX)
    signed = signature.sign(key, signature.INDEX, raw, *([] if before is None else [before]))
    gid = layout.repository.stat().st_gid
    files.replace(layout.repository / repository.SIGNATURE, signed, mode=_MODE, gid=gid)
    files.replace(layout.repository / repository.INDEX, raw, mode=_MODE, gid=gid)


@contextmanager
def _unlocked(path: Path) -> Iterator[bool]:
    """Yield whether a file is there and its maker is gone."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _lock(file)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _sync(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
