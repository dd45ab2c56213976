"""How far an unpacking is, from the program that does it to the step's note: in bytes, and not too often."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from containers.domain.amounts import size
from containers.errors import HostError
from containers.host.command import Recorder
from containers.host.imports import Source

# Every note is written to the database and sent to all browsers.
INTERVAL_S: Final = 1.0
_REPORT_BYTES: Final = 4096


class Throttle:
    """Notes what `text` returns, when `watch` is called, but not more often than once in an interval."""

    def __init__(self, recorder: Recorder, text: Callable[[], str]) -> None:
        self._recorder = recorder
        self._text = text
        self._noted_at = time.monotonic()

    def watch(self) -> None:
        """Note how far it is, unless that was done just now."""
        if time.monotonic() - self._noted_at >= INTERVAL_S:
            self._noted_at = time.monotonic()
            self._recorder.note(self._text())


class Progress:
    """The report that `host.unpack` writes into, a file in memory, and what the step says of it."""

    def __init__(self, recorder: Recorder, source: Source, *, what: str = "") -> None:
        self._source = source
        self._file = os.memfd_create("report")
        self.watch = Throttle(recorder, lambda: f"{what}{self._text()}").watch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        os.close(self._file)

    @property
    def report_path(self) -> str:
        """Where the program finds the report."""
        return f"/proc/{os.getpid()}/fd/{self._file}"

    def _text(self) -> str:
        status = os.fstat(self._source.file)
        if not stat.S_ISREG(status.st_mode):
            return size(int(self._report().get("bytes", 0)))
        # Whoever reads the file moves the place that we see, too: it is open once only.
        return f"{size(os.lseek(self._source.file, 0, os.SEEK_CUR))} of {size(status.st_size)}"

    @property
    def digest(self) -> str:
        """The digest of the whole stream, when the program has ended well."""
        digest = self._report().get("digest")
        if not isinstance(digest, str):
            raise HostError("the unpacking program left no report")
        return digest

    def _report(self) -> dict[str, Any]:
        text = os.pread(self._file, _REPORT_BYTES, 0)
        return dict(json.loads(text)) if text else {}
