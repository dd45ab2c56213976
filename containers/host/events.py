"""Changes of state, as lxc-monitor reports them: hints that come at once, not the truth."""

from __future__ import annotations

import logging
import re
import select
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from containers.domain.states import State
from containers.host.command import ENVIRONMENT

logger = logging.getLogger(__name__)

_LINE: Final = re.compile(r"'([a-z0-9-]+)' changed state to \[([A-Z]+)\]")
_RESTART_S: Final = 1.0
_STOP_CHECK_S: Final = 0.5


def iter_changes(lxcpath: Path, stop: threading.Event | None = None) -> Iterator[tuple[str, State]]:
    """Yield (name, state) for every change of any container below `lxcpath`, until `stop` is set.

    lxc-monitor is started again when it ends; what happens meanwhile is not reported.
    """
    stop = stop or threading.Event()
    while not stop.is_set():
        with _listen(lxcpath) as process:
            try:
                yield from _changes(process, stop)
            finally:
                process.terminate()
        if not stop.is_set():
            logger.warning("lxc-monitor ended with %s and is started again", process.returncode)
            stop.wait(_RESTART_S)


def _listen(lxcpath: Path) -> subprocess.Popen[bytes]:
    # Killed with whoever listens: it would notice at the next event only, which may never come.
    argv = ["/usr/bin/setpriv", "--pdeathsig=TERM", "/usr/bin/lxc-monitor", f"--lxcpath={lxcpath}", "--name=.*"]
    return subprocess.Popen(
        argv,
        env=ENVIRONMENT,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _changes(process: subprocess.Popen[bytes], stop: threading.Event) -> Iterator[tuple[str, State]]:
    assert process.stdout is not None  # noqa: S101 - for the type checker: stdout=PIPE
    for line in _lines(process.stdout, stop):
        match = _LINE.search(line)
        if match and match[2] in State.__members__:
            yield match[1], State(match[2])


def _lines(stream: IO[bytes], stop: threading.Event) -> Iterator[str]:
    """Yield complete lines until the stream or the wish to read it ends."""
    buffer = b""
    while not stop.is_set():
        if not select.select([stream], [], [], _STOP_CHECK_S)[0]:
            continue
        data = stream.read1(65_536)  # type: ignore[attr-defined]
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
