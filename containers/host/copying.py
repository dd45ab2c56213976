"""Files put into a running container, by its own tar: whatever links are there lead nowhere but into the container."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from containers.host.lxc import Lxc

_TIMEOUT_S: Final = 600
_IS_DIRECTORY: Final = 'test -d "$0"'
_UNPACK: Final = 'umask 022 && mkdir -p -- "$0" && exec tar -xf - -C "$0"'
_MAKE_DIRECTORY: Final = 'umask 022 && mkdir -p -- "$0"'


@dataclass(frozen=True)
class File:
    """What a file shall be; it will belong to the container's root."""

    content: bytes
    is_executable: bool = False


def copy(lxc: Lxc, name: str, files: Mapping[str, File], destination: str, *, names_file: bool) -> None:
    """Put files ({path below the destination: file}) to an absolute path; directories on the way are made.

    With `names_file` the one file goes to the destination itself, unless that is a directory. Raises CommandFailed in
    the words of the container's shell or tar.
    """
    directory, entries = destination, dict(files)
    if names_file and not _is_directory(lxc, name, destination):
        path = PurePosixPath(destination)
        (entry,) = files.values()
        directory, entries = str(path.parent), {path.name: entry}
    lxc.attach(name, ["/bin/sh", "-c", _UNPACK, directory], input=_archive(entries), timeout_s=_TIMEOUT_S)


def make_directory(lxc: Lxc, name: str, path: str) -> None:
    """Make a directory, and those on the way, unless they are there. Raises CommandFailed."""
    lxc.attach(name, ["/bin/sh", "-c", _MAKE_DIRECTORY, path], timeout_s=_TIMEOUT_S)


def _is_directory(lxc: Lxc, name: str, path: str) -> bool:
    return lxc.attach(name, ["/bin/sh", "-c", _IS_DIRECTORY, path], timeout_s=_TIMEOUT_S, ok_codes=(0, 1)).exit_code == 0


def _archive(entries: Mapping[str, File]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, entry in entries.items():
            # "./": a name that begins with a dash is no option, whatever tar does with the list.
            info = tarfile.TarInfo(f"./{path}")
            info.size = len(entry.content)
            info.mode = 0o755 if entry.is_executable else 0o644
            info.mtime = int(time.time())
            archive.addfile(info, io.BytesIO(entry.content))
    return stream.getvalue()
