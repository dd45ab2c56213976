"""Files that are replaced as a whole or not at all, and trees that are removed without following a link."""

from __future__ import annotations

import errno
import os
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from containers.host import hook

# linux/posix_acl_xattr.h
_ACL_VERSION: Final = 2
_ACL_USER_OBJ, _ACL_GROUP_OBJ, _ACL_MASK, _ACL_OTHER = 0x01, 0x04, 0x10, 0x20
_ACL_NO_ID: Final = 0xFFFFFFFF
_ACL_HEADER: Final = struct.Struct("<I")
_ACL_ENTRY: Final = struct.Struct("<HHI")


def replace(path: Path, content: bytes, *, mode: int, uid: int = 0, gid: int = 0) -> None:
    """Write a file so that everyone sees the old or the new content, also after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as stream:
            os.fchown(stream.fileno(), uid, gid)
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        # Whatever it was, it is passed on: only the half-written file goes.
        temporary.unlink(missing_ok=True)
        raise


def make_directory(path: Path, *, mode: int, uid: int = 0, gid: int = 0) -> bool:
    """Make a directory, or give the one that is there its owner and mode; return whether it was made.

    Raises FileExistsError for anything else, a link to a directory included.
    """
    made = True
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        made = False
    directory = _open_directory(path)
    try:
        status = os.fstat(directory)
        if (status.st_uid, status.st_gid) != (uid, gid):
            os.fchown(directory, uid, gid)
        if status.st_mode & 0o7777 != mode:
            os.fchmod(directory, mode)
    finally:
        os.close(directory)
    return made


def withhold_group_write(directory: Path) -> None:
    """Keep the group of a directory from making files in it, whatever its mode says.

    By an access list (acl(5)), whose mask is what the mode shows; on a file system without these by the mode.
    """
    entries = ((_ACL_USER_OBJ, 7), (_ACL_GROUP_OBJ, 5), (_ACL_MASK, 7), (_ACL_OTHER, 0))
    value = _ACL_HEADER.pack(_ACL_VERSION) + b"".join(_ACL_ENTRY.pack(tag, bits, _ACL_NO_ID) for tag, bits in entries)
    try:
        os.setxattr(directory, "system.posix_acl_access", value)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        directory.chmod(0o750)


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it, or a file; what is not there is fine."""
    try:
        hook.empty(os.fspath(path))
        path.rmdir()
    except NotADirectoryError:
        path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    except OSError as error:
        # A link, dangling or not: O_NOFOLLOW.
        if error.errno != errno.ELOOP:
            raise
        path.unlink(missing_ok=True)


def install(source: Path, target: Path, *, mode: int) -> bool:
    """Copy a program into its place unless the same is there; return whether that changed anything."""
    content = source.read_bytes()
    with suppress(FileNotFoundError):
        if target.read_bytes() == content and target.stat().st_mode & 0o7777 == mode:
            return False
    replace(target, content, mode=mode)
    return True


def free_bytes(path: Path) -> int:
    """Return how much more fits on the file system."""
    return shutil.disk_usage(path).free


def filesystem(path: Path) -> str:
    """Return the type of the file system that a directory is on."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, more = line.partition(" - ")
        if fields.split()[2] == number:
            return more.split()[0]
    return "unknown"


def _open_directory(path: Path) -> int:
    try:
        return os.open(path, hook.OPEN_DIRECTORY)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            raise FileExistsError(errno.EEXIST, "is not a directory", os.fspath(path)) from error
        raise
