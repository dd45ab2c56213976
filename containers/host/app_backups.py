"""Backups of installed apps: one tar file with what was answered and an archive of each volume.

    backup.json         what it is, first
    volumes/<key>.tar   one for each volume, owners as they are inside the container
    index.json          the SHA-256 of all of them, and its signature: see `backup_index`. Format 1 had neither
    index.sig

Volumes are read and written by tar as root of the id map, shut into the volume: what a hostile archive names can only lie
below it, owned by ids of containers, and is no device.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.domain.amounts import size
from containers.domain.backup import check_format
from containers.domain.layout import Layout
from containers.errors import CommandFailed, CommandTimeout, HostError, InvalidRequest
from containers.host import backup_index, directories, files, imports, mapped, pack, room
from containers.host.backup_index import Member
from containers.host.command import Runner
from containers.host.imports import Source
from containers.host.notes import Notes
from containers.host.overlay import IdMap

HEADER: Final = "backup.json"
MAX_HEADER: Final = 1 << 20
_MAX_MEMBERS: Final = 200
_WITHOUT_SUMS: Final = 1
_OTHERS: Final = frozenset({HEADER, backup_index.INDEX, backup_index.SIGNATURE})
_TIMEOUT_S: Final = 24 * 3600
_VOLUME: Final = re.compile(r"volumes/([a-z][a-z0-9-]{0,19})\.tar", re.ASCII)
_UNFINISHED: Final = ".unfinished-"
# The archive is the program's standard input, open for writing, too, and positioned at its end.
_PACK: Final = 'exec /usr/bin/tar --create --numeric-owner --acls --xattrs --one-file-system --file=- --directory="$1" . >&0'
_UNPACK: Final = (
    'exec 3<&0; head -c "$2" <&3 | /usr/bin/tar --extract --numeric-owner --same-owner --same-permissions --acls --xattrs'
    ' --warning=no-unknown-keyword --directory="$1" --file=-'
)


@dataclass(frozen=True)
class Contents:
    """What a backup says of itself, not judged yet, and where its volumes are. `key` has signed what they must be."""

    header: Mapping[str, Any]
    volumes: Mapping[str, Member]
    key: str = ""

    @property
    def has_sums(self) -> bool:
        """Whether it can be told that nothing was changed: format 1 has no sums."""
        return bool(self.key)


@contextmanager
def new(directory: Path, name: str) -> Iterator[BinaryIO]:
    """Yield a new file that gets its name when the block succeeds; nothing of it stays when it does not."""
    unfinished = directory / f"{_UNFINISHED}{name}.{os.urandom(4).hex()}"
    file = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w+b", buffering=0) as stream:
            yield stream
            os.fsync(stream.fileno())
        unfinished.rename(directory / name)
    except OSError as error:
        raise HostError(f"the backup cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def open_backup(directory: Path, name: str) -> int:
    """Open a backup to be read; the caller closes it. Raises FileNotFoundError."""
    return os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def open_place(layout: Layout, place: Mapping[str, str], allowed: Iterable[Path]) -> Source:
    """Open what is to be restored, {backup: among the host's own, upload: ditto, or path: below one of `allowed`}: one of them.

    Raises InvalidRequest where it is no file, or gone.
    """
    if backup := place.get("backup"):
        return imports.open_file(layout.backups / backup)
    if upload := place.get("upload"):
        return imports.open_upload(layout, upload)
    source = imports.open_source(Path(place["path"]), allowed)
    if source.is_directory:
        source.close()
        raise InvalidRequest.of("path", "is a directory, and no backup")
    return source


def remove(directory: Path, name: str) -> None:
    """Remove a backup; one that is gone already is fine. Raises HostError."""
    try:
        (directory / name).unlink(missing_ok=True)
    except OSError as error:
        raise HostError(f"the backup cannot be removed: {error.strerror}") from error


def remove_unfinished_of(directory: Path, installation: str) -> None:
    """Remove what killed backups of an installation left; nobody else writes any of it meanwhile."""
    for path in directory.glob(f"{_UNFINISHED}{installation}-*"):
        path.unlink(missing_ok=True)


def write_header(stream: BinaryIO, header: Mapping[str, Any]) -> None:
    """Write what the backup says of itself: before all volumes."""
    content = json.dumps(header, indent=1, sort_keys=True).encode()
    stream.write(backup_index.entry(HEADER, content))


def write_volume(layout: Layout, runner: Runner, stream: BinaryIO, key: str, volume: str, idmap: IdMap) -> None:
    """Add the archive of one volume. Raises HostError with tar's reason, or with what is missing where the disk is full."""
    name = f"volumes/{key}.tar"
    begin = stream.tell()
    stream.write(pack.header(name, 0))
    words = ["/bin/sh", "-c", _PACK, "sh", mapped.PLACE]

    def watch() -> None:
        room.require(layout.backups)

    with _told(f"the volume {volume} cannot be read", watch):
        mapped.run(runner, words, layout.volume(volume), idmap, timeout_s=_TIMEOUT_S, stdin=stream.fileno(), watch=watch)
    end = os.lseek(stream.fileno(), 0, os.SEEK_END)
    length = end - begin - tarfile.BLOCKSIZE
    os.pwrite(stream.fileno(), pack.header(name, length), begin)
    stream.write(backup_index.padding(length))


def finish(stream: BinaryIO, runner: Runner, key: Ed25519PrivateKey) -> None:
    """Write the sums of all that is in it, signed, and the end of the tar file. Raises Cancelled."""
    members = _members(stream.fileno())
    backup_index.append(stream, members, key, _look(runner, members, "summed up"))
    runner.recorder.note(f"{size(stream.tell())}, summed up and signed")


def read(file: int) -> Contents:
    """Look through an open backup; of one with sums, all but its volumes is right then: see `verify`.

    Raises InvalidRequest for anything that a backup has not, or has twice, Untrusted where it is not what was written.
    """
    members = _members(file)
    header = _header(file, members)
    try:
        check_format(header.get("backup"))
    except ValueError as error:
        raise InvalidRequest.of("backup", str(error)) from error
    key = ""
    if header.get("backup") != _WITHOUT_SUMS:
        members, key = backup_index.judge(file, members)
        backup_index.verify(file, HEADER, members[HEADER], lambda _: None)
    elif backup_index.INDEX in members:
        raise InvalidRequest(f"this is no backup: the format {_WITHOUT_SUMS} has no {backup_index.INDEX}")
    volumes = {found[1]: member for name, member in members.items() if (found := _VOLUME.fullmatch(name))}
    return Contents(header, volumes, key)


def verify(runner: Runner, file: int, contents: Contents) -> None:
    """Check the volumes of a backup, if it has sums, before anything is made of it. Raises Untrusted, Cancelled."""
    if not contents.has_sums:
        return
    look = _look(runner, contents.volumes, "checked")
    for key, member in contents.volumes.items():
        backup_index.verify(file, f"volumes/{key}.tar", member, look)
    runner.recorder.note("all is as it was written")


def _look(runner: Runner, members: Mapping[str, Member], what: str) -> Callable[[int], None]:
    """Return what is told of each piece that was read: it says so, and ends where the job does."""
    done, total = 0, size(sum(member.size for member in members.values()))
    notes = Notes(runner.recorder, lambda: f"{size(done)} of {total} {what}")

    def look(length: int) -> None:
        nonlocal done
        done += length
        notes.watch()
        runner.check_cancelled()

    return look


def _members(file: int) -> dict[str, Member]:
    """Return what a tar file holds, in order. Raises InvalidRequest for what no backup holds, or holds twice.

    One block is one header, as `pack` writes them: extended headers are read whole by whoever knows them, as large as they like.
    """
    found: dict[str, Member] = {}
    at, end = 0, os.fstat(file).st_size
    while (block := os.pread(file, tarfile.BLOCKSIZE, at)) and any(block):
        name, size = _entry(block)
        begin = at + tarfile.BLOCKSIZE
        if name in found or len(found) == _MAX_MEMBERS or not (name in _OTHERS or _VOLUME.fullmatch(name)):
            raise InvalidRequest(f"this is no backup: {name!r} does not belong there")
        if not begin <= begin + size <= end:
            raise InvalidRequest(f"this is no backup: {name} is longer than the file")
        found[name] = Member(begin, size)
        at = begin + size + len(backup_index.padding(size))
    return found


def _entry(block: bytes) -> tuple[str, int]:
    """Return name and size of what begins with this header. Raises InvalidRequest."""
    try:
        entry = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError as error:
        raise InvalidRequest(f"this is no backup: {error}") from error
    if entry.type not in {tarfile.REGTYPE, tarfile.AREGTYPE}:
        raise InvalidRequest(f"this is no backup: {entry.name!r} is no file")
    return entry.name, entry.size


def _header(file: int, members: Mapping[str, Member]) -> dict[str, Any]:
    first = next(iter(members), "")
    if first != HEADER or members[first].size > MAX_HEADER:
        raise InvalidRequest(f"this is no backup: it does not begin with {HEADER}")
    try:
        value = json.loads(os.pread(file, members[first].size, members[first].offset))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"this is no backup: {HEADER} is no JSON") from error
    if not isinstance(value, dict):
        raise InvalidRequest(f"this is no backup: {HEADER} is no object")
    return value


def unpack(layout: Layout, runner: Runner, file: int, member: Member, volume: str, idmap: IdMap) -> None:
    """Fill a new volume; a half filled one goes. Raises InvalidRequest with tar's reason, HostError before the disk is full."""
    directories.ensure_volume(layout, volume, is_file=False, uid=idmap.base, gid=idmap.base)
    os.lseek(file, member.offset, os.SEEK_SET)
    words = ["/bin/sh", "-c", _UNPACK, "sh", mapped.PLACE, str(member.size)]
    try:
        mapped.run(runner, words, layout.volume(volume), idmap, timeout_s=_TIMEOUT_S, stdin=file)
    except CommandTimeout:
        raise
    except CommandFailed as error:
        files.remove_tree(layout.volume(volume))
        reason = error.output.strip().partition("\n")[0] or error.brief
        raise InvalidRequest(f"the backup of the volume {volume} cannot be unpacked: {reason}", details=error.output) from error


@contextmanager
def _told(what: str, check_room: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    except CommandTimeout:
        raise
    except CommandFailed as error:
        # A disk that is full has tar say that it wrote less than it wanted to.
        check_room()
        reason = error.output.strip().partition("\n")[0] or error.brief
        raise HostError(f"{what}: {reason}", details=error.output) from error
