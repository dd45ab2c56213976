"""Unpack an archive, or copy a directory, with every owner shifted into a container's id map.

    python3 -m containers.host.unpack ID_BASE ID_SIZE MAX_BYTES MAX_ENTRIES REPORT < ARCHIVE
    python3 -m containers.host.unpack ID_BASE ID_SIZE MAX_BYTES MAX_ENTRIES REPORT DIRECTORY

A program of its own, run as root in the new directory and shut into it (`confine`). Decompressor and `tar` run in a user
namespace, where they are root over the mapped ids and nothing else, so a hostile archive can neither make devices nor touch
a file of the host's. The stream to tar is hashed and counted; REPORT, a file, says how far it is. One line on stderr says
what went wrong.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from containers.domain.amounts import size
from containers.host import tarball, whiteouts
from containers.host.confine import TELLING, confine, die_with_parent, limit
from containers.host.tar_entries import TarEntries
from containers.host.tarball import Digest

BIN = "/usr/bin"
CHUNK = 1 << 20
DECOMPRESSORS = {
    b"\x1f\x8b": [f"{BIN}/gzip", "-dc"],
    b"\xfd7zXZ\x00": [f"{BIN}/xz", "-dc", "--memlimit-decompress=512MiB"],
    b"(\xb5/\xfd": [f"{BIN}/zstd", "-dcq"],
    b"BZh": [f"{BIN}/bzip2", "-dc"],
}
# Where the tar format has its name, and how an archive without it (before POSIX) can begin: not at all.
TAR_MAGIC_AT = 257
TAR_MAGIC = b"ustar"
# An archive of nothing: OCI images have such layers.
EMPTY = bytes(TAR_MAGIC_AT + len(TAR_MAGIC))
# LXC makes a container's /dev itself; device files anywhere else are refused by the kernel.
EXCLUDED = ["--anchored", "--exclude=./dev/*", "--exclude=dev/*", "--exclude=/dev/*", "--no-anchored"]
TAR = [
    *(f"{BIN}/tar", "--extract", "--file=-", "--numeric-owner", "--same-owner", "--same-permissions"),
    *("--delay-directory-restore", "--acls", "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability"),
    # Python's tarfile says so where a header has bytes that are no text.
    "--warning=no-unknown-keyword",
    *EXCLUDED,
]
# What decompressors and tar need is some tens of megabytes; what a header can ask them to allocate is not.
MAX_MEMORY = 1 << 30
# Full file systems break more than an import: so much of one stays free, and of a small one a twentieth.
KEPT_FREE_BYTES = 512 << 20
KEPT_FREE_INODES = 10_000
KEPT_FREE_PART = 20


class UnpackError(Exception):
    """Why nothing was unpacked: one sentence."""


def producer(directory: str | None, mapped: list[str], id_size: str) -> list[str] | None:
    """Return the program that makes a plain tar stream of a directory, or of stdin; None where stdin is one."""
    if directory is not None:
        return [sys.executable, "-s", "-S", "-P", "-m", tarball.__name__, "0", id_size, directory]
    head = os.pread(0, TAR_MAGIC_AT + len(TAR_MAGIC), 0)
    for magic, command in DECOMPRESSORS.items():
        if head.startswith(magic):
            return [*mapped, *command]
    if not head.endswith(TAR_MAGIC) and head != EMPTY:
        raise UnpackError("this is not a tar archive, plain or compressed with gzip, xz, zstd or bzip2")
    return None


@dataclass
class Pump:
    """Copies the stream to tar: hashed, counted, bounded."""

    max_bytes: int
    max_entries: int
    report: int
    is_plain: bool
    digest: Digest = field(default_factory=Digest)
    entries: TarEntries = field(default_factory=TarEntries)

    def copy(self, read_from: int, write_to: int) -> None:
        """Copy to the end; raise UnpackError when there is too much of it or too little room."""
        self._check_room()
        while data := os.read(read_from, CHUNK):
            self.digest.write(data)
            self.entries.feed(data)
            self._check_limits()
            self._check_room()
            view = memoryview(data)
            while view:
                view = view[os.write(write_to, view) :]
            self.tell()

    def tell(self, **more: object) -> None:
        """Write how far it is into the report."""
        state = {"bytes": self.digest.length, "entries": self.entries.count, **more}
        os.pwrite(self.report, json.dumps(state).encode().ljust(256), 0)

    def _check_limits(self) -> None:
        if self.digest.length > self.max_bytes:
            raise UnpackError(f"unpacked it has more than {self.max_bytes} bytes, which is the limit")
        if self.entries.count > self.max_entries:
            raise UnpackError(f"it has more than {self.max_entries} entries, which is the limit")

    def _check_room(self) -> None:
        status = os.statvfs(".")
        kept = min(KEPT_FREE_BYTES, status.f_blocks * status.f_frsize // KEPT_FREE_PART)
        # An archive whose size is known is refused before half of it is there.
        missing = kept + (self._bytes_to_come() if self.is_plain else 0) - status.f_bavail * status.f_frsize
        if missing > 0:
            missing += 0 if self.is_plain else self._bytes_to_come()
            raise UnpackError(f"the disk is too full: about {size(missing)} more must be free")
        # File systems that make inodes as they go say that they have none.
        if status.f_files and status.f_favail < min(KEPT_FREE_INODES, status.f_files // KEPT_FREE_PART):
            raise UnpackError(f"the file system has room for {status.f_favail} more files only")

    def _bytes_to_come(self) -> int:
        """Return how much will still be unpacked: of a compressed archive an estimate, of a directory nothing."""
        status = os.fstat(0)
        if not stat.S_ISREG(status.st_mode):
            return 0
        read = os.lseek(0, 0, os.SEEK_CUR)
        ratio = 1.0 if self.is_plain else self.digest.length / max(read, 1)
        return int((status.st_size - read) * ratio)


def unpack(source_command: list[str] | None, target_command: list[str], pump: Pump) -> bool:
    """Connect both programs; return whether both succeeded."""
    source = None
    from_source = 0
    if source_command:
        from_source, to_us = _pipe()
        source = subprocess.Popen(source_command, stdin=0, stdout=to_us, restore_signals=False)
        os.close(to_us)
    # The order matters: a program that kept the other end of its own pipe open would never see its end.
    from_us, to_target = _pipe()
    target = subprocess.Popen(target_command, stdin=from_us, stdout=2, restore_signals=False)
    os.close(from_us)
    is_complete = has_ended_early = False
    try:
        pump.copy(from_source, to_target)
        is_complete = True
    except BrokenPipeError:
        # tar has ended: it says why, unless it found the end.
        has_ended_early = True
    except UnpackError as error:
        # Before tar complains about what it misses.
        say(error)
    finally:
        os.close(from_source)
        os.close(to_target)
        codes = [program.wait() for program in (target, source) if program]
    if has_ended_early and not codes[0]:
        say(UnpackError("it goes on after its end: no archive is like that"))
    return is_complete and not any(codes)


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, CHUNK)
    return ends


def finish(pump: Pump, base: int) -> None:
    """Translate whiteouts, and look at what is there now: what the stream hid from the count counts here."""
    if not pump.entries.has_end:
        # tar takes one that was cut between two entries.
        raise UnpackError("it has no end: the archive is not complete")
    top = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    tree = whiteouts.translate(top, owner=base)
    if tree.entries > pump.max_entries:
        raise UnpackError(f"it has more than {pump.max_entries} entries, which is the limit")
    if tree.file_bytes > pump.max_bytes:
        raise UnpackError(f"its files are more than {pump.max_bytes} bytes long together, which is the limit")
    pump.tell(digest=pump.digest.hex)


def say(error: Exception) -> None:
    """Tell why nothing was unpacked."""
    sys.stderr.write(f"{error}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code."""
    base, id_size, max_bytes, max_entries, report, *directory = arguments
    mapped = [f"{BIN}/lxc-usernsexec", "-m", f"b:0:{base}:{id_size}", "--", *TELLING]
    try:
        die_with_parent()
        report_file = os.open(report, os.O_WRONLY | os.O_CLOEXEC)
        confine(str(Path.cwd()))
        limit(int(max_bytes), max_memory=MAX_MEMORY)
        source = producer(directory[0] if directory else None, mapped, id_size)
        pump = Pump(int(max_bytes), int(max_entries), report_file, is_plain=source is None and not directory)
        if not unpack(source, [*mapped, *TAR], pump):
            return 1
        finish(pump, int(base))
    except (UnpackError, whiteouts.WhiteoutError) as error:
        say(error)
        return 1
    except OSError as error:
        say(UnpackError(f"{error.filename}: {error.strerror}" if error.filename else error.strerror))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
