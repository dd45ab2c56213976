"""Unpack an archive, or copy a directory, with every owner shifted into a container's id map.

    unpack.py ID_BASE ID_SIZE MAX_BYTES < ARCHIVE
    unpack.py ID_BASE ID_SIZE MAX_BYTES DIRECTORY

A program of its own, run as root in the new directory: `tar` unpacks in a user namespace, where it is root over the
mapped ids and nothing else, so a hostile archive can neither make devices nor touch a file of the host's. The stream
to it is counted. One line on stderr says what went wrong.
"""

from __future__ import annotations

import os
import subprocess
import sys

BIN = "/usr/bin"
CHUNK = 1 << 20
DECOMPRESSORS = {
    b"\x1f\x8b": [f"{BIN}/gzip", "-dc"],
    b"\xfd7zXZ\x00": [f"{BIN}/xz", "-dc"],
    b"(\xb5/\xfd": [f"{BIN}/zstd", "-dcq"],
    b"BZh": [f"{BIN}/bzip2", "-dc"],
}
# Where the tar format has its name, and how an archive without it (before POSIX) can begin: not at all.
TAR_MAGIC_AT = 257
TAR_MAGIC = b"ustar"
# LXC makes a container's /dev itself; device files anywhere else are refused by the kernel.
EXCLUDED = ["--anchored", "--exclude=./dev/*", "--exclude=dev/*", "--exclude=/dev/*", "--no-anchored"]
TAR = [
    *(f"{BIN}/tar", "--file=-", "--numeric-owner", "--acls", "--xattrs"),
    *("--xattrs-include=user.*", "--xattrs-include=security.capability"),
    *EXCLUDED,
]
# Full file systems break more than an import.
KEPT_FREE_BYTES = 512 << 20


class UnpackError(Exception):
    """Why nothing was unpacked: one sentence."""


def producer(directory: str | None) -> list[str]:
    """Return the program that makes a plain tar stream of a directory, or of the archive on stdin."""
    if directory is not None:
        return [*TAR, "--create", "--one-file-system", "--warning=no-file-ignored", f"--directory={directory}", "."]
    head = os.pread(0, TAR_MAGIC_AT + len(TAR_MAGIC), 0)
    for magic, command in DECOMPRESSORS.items():
        if head.startswith(magic):
            return command
    if not head.endswith(TAR_MAGIC):
        raise UnpackError("this is not a tar archive, plain or compressed with gzip, xz, zstd or bzip2")
    return [f"{BIN}/cat"]


def consumer(base: str, size: str) -> list[str]:
    """Return the program that unpacks its input in the current directory, as root of the user namespace."""
    mapped = [f"{BIN}/lxc-usernsexec", "-m", f"b:0:{base}:{size}", "--"]
    return [*mapped, *TAR, "--extract", "--same-owner", "--same-permissions", "--delay-directory-restore"]


def pump(read_from: int, write_to: int, max_bytes: int) -> None:
    """Copy the stream; raise UnpackError when there is too much of it."""
    total = 0
    while data := os.read(read_from, CHUNK):
        total += len(data)
        if total > max_bytes:
            raise UnpackError(f"unpacked it has more than {max_bytes} bytes, which is the limit")
        status = os.statvfs(".")
        if status.f_bavail * status.f_frsize < KEPT_FREE_BYTES:
            raise UnpackError("the disk is nearly full")
        view = memoryview(data)
        while view:
            view = view[os.write(write_to, view) :]


def unpack(source_command: list[str], target_command: list[str], max_bytes: int) -> int:
    """Connect both programs; return the exit code."""
    from_source, to_us = os.pipe()
    from_us, to_target = os.pipe()
    # The order matters: a program that kept the other end of its own pipe open would never see its end.
    source = subprocess.Popen(source_command, stdin=0, stdout=to_us)
    os.close(to_us)
    target = subprocess.Popen(target_command, stdin=from_us, stdout=2)
    os.close(from_us)
    is_complete = False
    try:
        pump(from_source, to_target, max_bytes)
        is_complete = True
    except BrokenPipeError:
        # tar has ended: it says why.
        pass
    except UnpackError as error:
        # Before tar complains about what it misses.
        say(error)
    finally:
        os.close(from_source)
        os.close(to_target)
        codes = (target.wait(), source.wait())
    return int(any(codes) or not is_complete)


def say(error: UnpackError) -> None:
    """Tell why nothing was unpacked."""
    sys.stderr.write(f"{error}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code."""
    base, size, max_bytes, *directory = arguments
    try:
        return unpack(producer(directory[0] if directory else None), consumer(base, size), int(max_bytes))
    except UnpackError as error:
        say(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
