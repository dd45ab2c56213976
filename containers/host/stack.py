"""What one running panel has for itself on this host: locks, an address to listen on, database files."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import pwd
import shutil
import socket
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from containers.errors import Conflict, HostError

# SQLite's own lock bytes (sqlite3 os.h: PENDING_BYTE + 2, SHARED_SIZE).
SQLITE_SHARED_START: Final = 0x40000002
SQLITE_SHARED_SIZE: Final = 510

# In a directory that only root writes to. Root makes these beforehand: the web process can then write them, but neither
# remove nor replace them. A rollback journal names files that SQLite deletes, so root must never read one that somebody
# else wrote: the web process must not be able to make it when root's own connections have removed it.
DATABASE_FILES: Final = {"": 0o660, "-wal": 0o660, "-shm": 0o660, "-journal": 0o600}


def require_root() -> None:
    """Raise HostError unless this process is root."""
    if os.geteuid() != 0:
        raise HostError("This needs root")


def require_lxc() -> None:
    """Raise HostError if LXC's tools are missing."""
    if shutil.which("lxc-start") is None:
        raise HostError("LXC is not installed", resolution="`make setup` installs it")


def ids(name: str) -> tuple[int, int]:
    """Return user and group id of whom a process runs as. Raises HostError if set-up has not made the user."""
    try:
        return pwd.getpwnam(name).pw_uid, grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise HostError(f"There is no user or group {name}", resolution="`make setup` makes it") from error


def lock(files: Iterable[Path]) -> None:
    """Take these locks for as long as this process lives, also as another program after exec. Raises Conflict."""
    for file in files:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        os.set_inheritable(descriptor, True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            raise Conflict(f"{file} is locked: another panel runs there, process {holder}") from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())


def check_bind(address: str) -> None:
    """Raise HostError if the web process, which is not root, cannot listen on ADDRESS:PORT."""
    host, _, port = address.rpartition(":")
    lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if int(port) < lowest:
        raise HostError(
            f"SPOCWEB_BIND={address}: only root may listen below port {lowest}, and the web process never is root",
            resolution="Put a reverse proxy in front",
        )
    try:
        family, kind, _, _, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise HostError(f"SPOCWEB_BIND={address} cannot be used: {error.strerror}") from error


def share_file(file: Path, *, gid: int) -> None:
    """Let the group read a file of root's."""
    os.chown(file, 0, gid, follow_symlinks=False)
    file.chmod(0o640)


def ensure_database(database: Path, *, gid: int) -> None:
    """Make SQLite's files before anybody opens them; what is there gets its owner and mode back."""
    for suffix, mode in DATABASE_FILES.items():
        _ensure_database_file(database.with_name(f"{database.name}{suffix}"), mode, gid)


def hold_database(database: Path) -> None:
    """Keep the -wal and -shm files from being removed for as long as this process lives, also after exec.

    The last connection that closes removes them, and the web process would then make its own. SQLite does not take
    itself for the last while anybody else has a shared lock on the database. A POSIX lock goes when its process closes
    the file anywhere: call this when nothing here opens the database any more.
    """
    descriptor = os.open(database, os.O_RDONLY | os.O_NOFOLLOW)
    os.set_inheritable(descriptor, True)
    fcntl.lockf(descriptor, fcntl.LOCK_SH, SQLITE_SHARED_SIZE, SQLITE_SHARED_START)


def _ensure_database_file(file: Path, mode: int, gid: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not _is_acceptable(file.lstat(), file):
            file.unlink()
    # O_CREAT on a file that is there and not root's is what fs.protected_regular refuses.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(file, flags)
    except FileNotFoundError:
        descriptor = os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchown(descriptor, 0, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _is_acceptable(status: os.stat_result, file: Path) -> bool:
    is_plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return is_plain and (status.st_uid == 0 or not file.name.endswith("-journal"))
