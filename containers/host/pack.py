"""Append a layer to an OCI image archive: the canonical tar stream of a tree, compressed, under the name of its SHA-256.

    python3 -m containers.host.pack SHIFT SIZE DIRECTORY 0<> ARCHIVE

A program of its own, run as root. The archive is its stdin, open for reading and writing, at the place where the blob goes:
a tar header is written there when name and length are known. It prints one line of JSON: `diff_id` and `unpacked` are digest
and length of the stream, `digest` and `size` those of the blob. One line on stderr says what went wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
from typing import Final, Self

from containers.domain import amounts
from containers.host.hook import OPEN_DIRECTORY
from containers.host.processes import die_with_parent
from containers.host.tarball import Digest, Tarball, TarballError

# One thread: what several make depends on nothing else, but is another stream than what one makes.
COMPRESS: Final = ("/usr/bin/zstd", "-3", "-q", "-T1", "-c")
KEPT_FREE_BYTES: Final = 512 << 20

_CHUNK: Final = 1 << 20
_LOOK_EVERY: Final = 16 << 20
_ARCHIVE: Final = 0


class Compressor:
    """Hashes what is written to it and hands it on to the program that compresses, which does not outlive the block."""

    def __init__(self, target: int) -> None:
        self.digest = Digest()
        self._process = subprocess.Popen(COMPRESS, stdin=subprocess.PIPE, stdout=target, bufsize=0)
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: stdin=PIPE
        self._input = os.fdopen(os.dup(self._process.stdin.fileno()), "wb", _CHUNK)
        self._process.stdin.close()
        # Begins with a look.
        self._unlooked = _LOOK_EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # It would go on writing the archive that the block has given up.
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        self._process.kill()
        self._process.wait()

    def write(self, data: bytes, /) -> None:
        """Take the next bytes of the stream."""
        self._unlooked += len(data)
        if self._unlooked > _LOOK_EVERY:
            self._look()
        self.digest.write(data)
        self._input.write(data)

    def _look(self) -> None:
        self._unlooked = 0
        if free_bytes(_ARCHIVE) < KEPT_FREE_BYTES:
            raise TarballError(f"the disk is nearly full: {amounts.size(KEPT_FREE_BYTES)} are kept free")

    def finish(self) -> None:
        """Wait for the last compressed byte. Raises TarballError."""
        self._input.close()
        if code := self._process.wait():
            raise TarballError(f"zstd failed with exit code {code}")


def free_bytes(file: int) -> int:
    """Return how much more fits on the file system of an open file."""
    status = os.fstatvfs(file)
    return status.f_bavail * status.f_frsize


def append(top: int, shift: int, size: int) -> dict[str, object]:
    """Append the layer that an open directory is; return what is printed."""
    header_at = os.lseek(_ARCHIVE, 0, os.SEEK_CUR)
    begin = os.lseek(_ARCHIVE, tarfile.BLOCKSIZE, os.SEEK_CUR)
    with Compressor(_ARCHIVE) as compressor:
        Tarball(compressor, shift, size).write(top)
        compressor.finish()
    length = os.lseek(_ARCHIVE, 0, os.SEEK_END) - begin
    digest = digest_of(begin, length)
    os.pwrite(_ARCHIVE, header(f"blobs/sha256/{digest}", length), header_at)
    os.write(_ARCHIVE, bytes(-length % tarfile.BLOCKSIZE))
    stream = compressor.digest
    return {"diff_id": stream.hex, "unpacked": stream.length, "digest": digest, "size": length}


def header(name: str, size: int) -> bytes:
    """Return a tar header without anything that differs from one run to the next: one block, whatever the size."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def digest_of(begin: int, length: int) -> str:
    """Return the SHA-256 of a part of the archive."""
    digest = hashlib.sha256()
    while length and (data := os.pread(_ARCHIVE, min(length, _CHUNK), begin)):
        digest.update(data)
        begin, length = begin + len(data), length - len(data)
    return digest.hexdigest()


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code."""
    shift, size, path = arguments
    try:
        # A job that is killed is over: nobody would take what comes of this.
        die_with_parent(signal.SIGKILL)
        top = os.open(path, OPEN_DIRECTORY)
        sys.stdout.write(json.dumps(append(top, int(shift), int(size))) + "\n")
    except TarballError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror))
    return 0


def fail(reason: str) -> int:
    """Tell why there is no layer; return the exit code."""
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
