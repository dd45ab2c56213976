"""Apps on their way between a folder and a repository: packed into one file, unpacked as hostile, kept where only root writes.

    DATA_DIR/catalogue/REPOSITORY/APP/       the files of an app, and `.origin.json` (`domain.origin`)
    DATA_DIR/catalogue/REPOSITORY/.APP.new/  what is about to take its place, or was there before; of no use to anybody

Who changes an app's folder holds the lock `catalogue:APP`.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from containers.domain import origin
from containers.domain.entries import MAX_APP_BYTES
from containers.domain.layout import Layout
from containers.domain.origin import Origin
from containers.errors import Conflict, HostError
from containers.host import files, imports, layers
from containers.host.command import Runner
from containers.host.copying import File

# Directories count, too.
MAX_ENTRIES: Final = 2_000
TIMEOUT_S: Final = 120

_NEW: Final = ".new"
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2

_libc = ctypes.CDLL(None, use_errno=True)


def pack(entries: Mapping[str, File], stream: BinaryIO) -> tuple[int, str]:
    """Write an app's files into an empty file; return its size and SHA-256. The same files give the same bytes."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(entries):
            info = tarfile.TarInfo(path)
            info.size = len(entries[path].content)
            info.mode = 0o755 if entries[path].is_executable else 0o644
            archive.addfile(info, io.BytesIO(entries[path].content))
    data = made.getvalue()
    try:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    except OSError as error:
        raise HostError(f"the app cannot be written: {error.strerror}") from error
    return len(data), hashlib.sha256(data).hexdigest()


@contextmanager
def unpacked(layout: Layout, runner: Runner, file: Path, name: str, *, idmap_base: int, idmap_size: int) -> Iterator[Path]:
    """Yield a directory with what an archive holds, none of it root's; it is gone after the block.

    Unpacked by a child that can write nowhere else. Raises InvalidRequest with tar's reason.
    """
    with imports.open_file(file) as source, layers.unfinished(layout, f"app.{name}", idmap_base=idmap_base) as path:
        limits = (MAX_APP_BYTES, MAX_ENTRIES, TIMEOUT_S)
        layers.unpack_into(path, runner, source, idmap_base=idmap_base, idmap_size=idmap_size, limits=limits, made="an app")
        yield path


def put(layout: Layout, name: str, entries: Mapping[str, File], come_from: Origin) -> None:
    """Have an app's folder hold exactly these files: everybody finds the old ones or the new ones. Safe to repeat."""
    folder = layout.fetched(come_from.repository, name)
    files.make_directory(folder.parent, mode=0o755)
    new = _beside(folder)
    try:
        files.remove_tree(new)
        _write(new, {**entries, origin.FILE_NAME: File(come_from.encode())})
        _replace(folder, new)
    except OSError as error:
        raise HostError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        files.remove_tree(new)


def find(layout: Layout, name: str) -> Path | None:
    """Return the folder of an app that was fetched; None where there is none."""
    repositories = sorted(path.name for path in layout.catalogue.iterdir() if not path.name.startswith("."))
    return next((folder for one in repositories if (folder := layout.fetched(one, name)).is_dir()), None)


def remove(layout: Layout, name: str) -> bool:
    """Remove the folder of an app that was fetched; return whether it was there. Nobody finds half of it."""
    folder = find(layout, name)
    if folder is None:
        return False
    files.remove_tree(_beside(folder))
    folder.rename(_beside(folder))
    files.remove_tree(_beside(folder))
    return True


def leftovers(layout: Layout) -> list[tuple[str, Path]]:
    """Return what killed jobs left, each with the app whose lock says that nobody works on it."""
    return [(path.name[1 : -len(_NEW)], path) for path in sorted(layout.catalogue.glob(f"*/.*{_NEW}"))]


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{_NEW}")


def _write(top: Path, entries: Mapping[str, File]) -> None:
    for path, entry in entries.items():
        target = top / path
        if ".." in target.parts or not target.is_relative_to(top):
            raise Conflict(f"{path} is not below the app's folder")
        for directory in reversed([parent for parent in target.parents if parent.is_relative_to(top)]):
            files.make_directory(directory, mode=0o755)
        with os.fdopen(
            os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb"
        ) as stream:
            os.fchmod(stream.fileno(), 0o755 if entry.is_executable else 0o644)
            stream.write(entry.content)
            stream.flush()
            os.fsync(stream.fileno())


def _replace(folder: Path, new: Path) -> None:
    """Let a folder and the new one change places; where there is none yet, the new one takes it (renameat2(2))."""
    if not folder.exists():
        new.rename(folder)
    elif _libc.renameat2(_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(folder), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fspath(folder))
    directory = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
