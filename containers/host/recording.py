"""What was printed in a terminal, as a file that `asciinema play` shows again (asciicast v2), of a bounded size.

What was typed is not in it, but for what the program prints of it: a password is not.
"""

from __future__ import annotations

import codecs
import json
import os
import time
from pathlib import Path
from typing import Final

from containers.errors import HostError
from containers.host.terminal import TERM, Size

# Of one terminal, and of all together.
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_TOTAL_BYTES: Final = 1024 * 1024 * 1024


class Recording:
    """A new file in `directory`, which is root's alone, begun with a header; the oldest go where all are too many."""

    def __init__(self, directory: Path, number: int, size: Size, title: str) -> None:
        make_room(directory, MAX_TOTAL_BYTES - MAX_BYTES)
        self.path = directory / f"{number:d}.cast"
        self._room = MAX_BYTES
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._began = time.monotonic()
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failed(error) from error
        self._stream = os.fdopen(file, "w", encoding="utf-8")
        header = {"version": 2, "width": size.columns, "height": size.rows, "timestamp": int(time.time())}
        self._write({**header, "title": title, "env": {"TERM": TERM}})

    def printed(self, data: bytes) -> None:
        """Keep what was printed now. Raises HostError if it cannot be kept."""
        if text := self._decoder.decode(data):
            self._event("o", text)

    def resized(self, size: Size) -> None:
        """Keep that the size changed now."""
        self._event("r", f"{size.columns}x{size.rows}")

    def close(self) -> None:
        """Write the rest; repeating it is safe."""
        self._stream.close()

    def _event(self, kind: str, text: str) -> None:
        if self._room <= 0:
            return
        self._write([round(time.monotonic() - self._began, 6), kind, text])
        if self._room <= 0:
            self._write([round(time.monotonic() - self._began, 6), "m", f"more than {MAX_BYTES} bytes are not kept"])

    def _write(self, value: object) -> None:
        line = f"{json.dumps(value, ensure_ascii=False)}\n"
        self._room -= len(line)
        try:
            self._stream.write(line)
            # What was shown is on record, whatever happens next.
            self._stream.flush()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> HostError:
        return HostError(f"The terminal cannot be recorded: {error.strerror}", details=f"{self.path}: {error}")


def make_room(directory: Path, total_bytes: int) -> None:
    """Remove the oldest recordings until all together are no larger than that."""
    found = sorted((entry.stat().st_mtime, entry.stat().st_size, entry) for entry in directory.glob("*.cast"))
    excess = sum(size for _, size, _ in found) - total_bytes
    for _, size, path in found:
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= size
