"""Workers, monitor and session server as children of one process that has loaded everything once: they share its memory.

It runs nothing itself. A child that ends is started again; when this process is told to stop, all of them are.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final

from containers.host import processes

logger = logging.getLogger(__name__)

# What ends at once (Redis is away, or an entry that rq cannot even read) is not started again in a tight loop.
RESTART_PAUSE_S: Final = 0.5


@dataclass(frozen=True)
class Role:
    """What a child does, and what `ps` shows for it."""

    title: str
    run: Callable[[], object]


class Launcher:
    """Keeps one child for each role alive."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self._roles = roles
        self._children: dict[int, int] = {}
        self._is_stopping = False

    def serve(self) -> None:
        """Run until SIGTERM or SIGINT and until the children have ended. In a child: be that child."""
        for number in processes.STOP_SIGNALS:
            signal.signal(number, self._stop)
        # A collection would touch, and so copy, every page of what the children share.
        gc.collect()
        gc.freeze()
        while not self._is_stopping or self._children:
            for index in self._missing():
                if self._fork(index):
                    self._roles[index].run()
                    return
            self._reap()

    def _missing(self) -> list[int]:
        return [] if self._is_stopping else [index for index in range(len(self._roles)) if index not in self._children.values()]

    def _fork(self, index: int) -> bool:
        """Return True in the child."""

        def remember(pid: int) -> None:
            self._children[pid] = index

        return processes.fork(self._roles[index].title, remember) == 0

    def _reap(self) -> None:
        pid, status = os.wait()
        index = self._children.pop(pid)
        # A worker that has done its job ends with 0.
        if not self._is_stopping and (code := os.waitstatus_to_exitcode(status)):
            logger.warning("%s ended with %d", self._roles[index].title, code)
            time.sleep(RESTART_PAUSE_S)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stopping = True
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
