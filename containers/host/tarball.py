"""The one tar stream of a tree: the same tree gives the same bytes on every host.

    python3 -m containers.host.tarball SHIFT SIZE DIRECTORY > STREAM
    python3 -m containers.host.tarball --digest SHIFT SIZE DIRECTORY

POSIX pax format, sorted, owners as numbers with SHIFT taken off, whole seconds, access lists, file capabilities and user
attributes. Overlay whiteouts become what an OCI layer has in their place (OCI image-spec, layer.md), so the SHA-256 of the
stream is a DiffID. A program of its own, run as root; one line on stderr says what went wrong.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
import sys
import tarfile
from dataclasses import dataclass, field
from typing import Final, Protocol

from containers.host.hook import OPEN_DIRECTORY
from containers.host.trees import Entry, walk

WHITEOUT_PREFIX: Final = b".wh."
OPAQUE_NAME: Final = b".wh..wh..opq"
OPAQUE_ATTRIBUTE: Final = "trusted.overlay.opaque"
# A directory or file that is only half here: the rest is under another name of a lower layer.
_POINTERS: Final = frozenset({"trusted.overlay.redirect", "trusted.overlay.metacopy"})

_CHUNK: Final = 1 << 20
_KINDS: Final = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}

# linux/capability.h: a revision 3 value ends with the user id that is root where the capability counts.
_CAPABILITY: Final = "security.capability"
_CAP_REVISION_2: Final = 0x02000000
_CAP_REVISION_3: Final = 0x03000000
_CAP_REVISION_MASK: Final = 0xFF000000
_CAP_V3: Final = struct.Struct("<I16sI")

# linux/posix_acl_xattr.h, and the text of acl(5) that tar keeps.
_ACLS: Final = {"system.posix_acl_access": "SCHILY.acl.access", "system.posix_acl_default": "SCHILY.acl.default"}
_ACL_ENTRY: Final = struct.Struct("<HHI")
_ACL_TAGS: Final = {0x01: "user", 0x02: "user", 0x04: "group", 0x08: "group", 0x10: "mask", 0x20: "other"}
_ACL_NAMED: Final = frozenset({0x02, 0x08})


class TarballError(Exception):
    """Why there is no stream of a tree: one sentence."""


class Sink(Protocol):
    """What the stream goes to."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes of the stream."""


@dataclass
class Tarball:
    """Writes a tree whose owners are from `shift` to `shift + size` on this host."""

    sink: Sink
    shift: int
    size: int
    # Where a file with several names was written first.
    _written: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def write(self, top: int) -> None:
        """Write all that an open directory holds, itself included. Raises TarballError, OSError."""
        self._write_top(top)
        for entry in walk(top):
            if entry.path.startswith(b"dev/"):
                # LXC makes a container's /dev itself.
                continue
            self._write(entry)
        self.sink.write(bytes(2 * tarfile.BLOCKSIZE))

    def _write_top(self, top: int) -> None:
        self._directory(Entry(b".", b".", top, os.fstat(top)))

    def _write(self, entry: Entry) -> None:
        if entry.name.startswith(WHITEOUT_PREFIX):
            raise TarballError(f"{_shown(entry.path)}: in an archive, such a name would hide another file")
        kind = stat.S_IFMT(entry.status.st_mode)
        if entry.is_whiteout:
            self._put_empty(entry.path[: -len(entry.name)] + WHITEOUT_PREFIX + entry.name)
        elif kind == stat.S_IFDIR:
            self._directory(entry)
        elif kind == stat.S_IFREG:
            self._file(entry)
        elif kind in _KINDS:
            self._put(self._header(entry, _KINDS[kind]), {})
        # A socket is only its listener's, and no archive can hold one.

    def _directory(self, entry: Entry) -> None:
        attributes = self._attributes(entry)
        is_opaque = attributes.pop(OPAQUE_NAME.decode(), None)
        self._put(self._header(entry, tarfile.DIRTYPE), attributes)
        if is_opaque:
            self._put_empty(OPAQUE_NAME if entry.path == b"." else entry.path + b"/" + OPAQUE_NAME)

    def _file(self, entry: Entry) -> None:
        key = (entry.status.st_dev, entry.status.st_ino)
        if first := self._written.get(key):
            header = self._header(entry, tarfile.LNKTYPE)
            header.linkname = os.fsdecode(first)
            self._put(header, {})
            return
        if entry.status.st_nlink > 1:
            self._written[key] = entry.path
        file = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=entry.directory)
        try:
            header = self._header(entry, tarfile.REGTYPE)
            header.size = entry.status.st_size
            self._put(header, self._attributes(entry))
            self._copy(file, header.size, entry)
        finally:
            os.close(file)

    def _copy(self, file: int, size: int, entry: Entry) -> None:
        left = size
        while left and (data := os.read(file, min(left, _CHUNK))):
            self.sink.write(data)
            left -= len(data)
        if left or os.fstat(file).st_size != size:
            raise TarballError(f"{_shown(entry.path)} was changed while it was read")
        self.sink.write(bytes(-size % tarfile.BLOCKSIZE))

    def _header(self, entry: Entry, kind: bytes) -> tarfile.TarInfo:
        info = tarfile.TarInfo(os.fsdecode(entry.path))
        status = entry.status
        info.type, info.mode, info.mtime = kind, stat.S_IMODE(status.st_mode), int(status.st_mtime)
        info.uid, info.gid = self._unshifted(status.st_uid, entry.path), self._unshifted(status.st_gid, entry.path)
        if kind == tarfile.SYMTYPE:
            info.linkname = os.fsdecode(os.readlink(entry.name, dir_fd=entry.directory))
        if kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
            info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
        return info

    def _put_empty(self, path: bytes) -> None:
        """Write one of the empty files that stand for what is hidden; only its name means anything, so it has no time."""
        self._put(tarfile.TarInfo(os.fsdecode(path)), {})

    def _put(self, info: tarfile.TarInfo, attributes: dict[str, str]) -> None:
        info.pax_headers = attributes
        self.sink.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def _unshifted(self, number: int, path: bytes) -> int:
        if not 0 <= number - self.shift < self.size:
            raise TarballError(f"{_shown(path)} belongs to {number}, which is not in the id map")
        return number - self.shift

    def _attributes(self, entry: Entry) -> dict[str, str]:
        """Return what goes into the pax header, and under OPAQUE_NAME whether the directory hides lower ones."""
        found: dict[str, str] = {}
        for name in sorted(_list_attributes(entry)):
            if name in _POINTERS:
                raise TarballError(f"{_shown(entry.path)} was renamed in an overlay and is not complete without the layers below")
            if name.startswith("user.") or name in (_CAPABILITY, OPAQUE_ATTRIBUTE, *_ACLS):
                value = os.getxattr(entry.proc_path, name, follow_symlinks=False)
                key, text = self._attribute(name, value, entry)
                found[key] = text
        return found

    def _attribute(self, name: str, value: bytes, entry: Entry) -> tuple[str, str]:
        if name == OPAQUE_ATTRIBUTE:
            return OPAQUE_NAME.decode(), "y" if value == b"y" else ""
        if name in _ACLS:
            return _ACLS[name], self._acl(value, entry)
        if name == _CAPABILITY:
            value = self._capability(value, entry)
        return f"SCHILY.xattr.{name}", value.decode("utf-8", "surrogateescape")

    def _capability(self, value: bytes, entry: Entry) -> bytes:
        """Return file capabilities as they are inside: without the user id of the map's root."""
        if len(value) != _CAP_V3.size or (magic := _CAP_V3.unpack(value))[0] & _CAP_REVISION_MASK != _CAP_REVISION_3:
            return value
        flags, sets, root = magic
        if root != self.shift:
            raise TarballError(f"{_shown(entry.path)} has capabilities for another id map, whose root is {root}")
        return struct.pack("<I16s", flags & ~_CAP_REVISION_MASK | _CAP_REVISION_2, sets)

    def _acl(self, value: bytes, entry: Entry) -> str:
        words = []
        for tag, bits, number in _ACL_ENTRY.iter_unpack(value[4:]):
            who = str(self._unshifted(number, entry.path)) if tag in _ACL_NAMED else ""
            rights = "".join(letter if bits & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
            words.append(f"{_ACL_TAGS[tag]}:{who}:{rights}")
        return ",".join(words)


class Digest:
    """A sink that keeps nothing but the SHA-256 and the length."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.length = 0

    def write(self, data: bytes, /) -> None:
        """Take the next bytes of the stream."""
        self._hash.update(data)
        self.length += len(data)

    @property
    def hex(self) -> str:
        """The digest so far, 64 hexadecimal digits."""
        return self._hash.hexdigest()


def _list_attributes(entry: Entry) -> list[str]:
    try:
        return os.listxattr(entry.proc_path, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return []


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code."""
    is_digest = arguments[:1] == ["--digest"]
    shift, size, path = arguments[is_digest:]
    try:
        top = os.open(path, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
        if is_digest:
            digest = Digest()
            Tarball(digest, int(shift), int(size)).write(top)
            sys.stdout.write(f"{digest.hex}\n")
        else:
            with os.fdopen(1, "wb", _CHUNK) as stream:
                Tarball(stream, int(shift), int(size)).write(top)
    except TarballError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror))
    return 0


def _fail(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
