"""Worker and monitor as children of one process that has loaded everything once: they share its memory, some 45 MB.

It runs nothing itself. A child that ends is started again; when this process is told to stop, both are.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Final

from containers.host import processes

logger = logging.getLogger(__name__)

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# What ends at once is not started again in a tight loop.
RESTART_PAUSE_S: Final = 0.5


class Launcher:
    """Keeps one child for each of `roles` alive: its name is what `ps` shows, its function what the child does."""

    def __init__(self, roles: Mapping[str, Callable[[], object]]) -> None:
        self._roles = roles
        self._children: dict[int, str] = {}
        self._is_stopping = False

    def serve(self) -> None:
        """Run until SIGTERM or SIGINT and until the children have ended. In a child: be that child."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        # A collection would touch, and so copy, every page of what the children share.
        gc.collect()
        gc.freeze()
        while not self._is_stopping or self._children:
            for name in self._missing():
                if self._fork(name):
                    self._roles[name]()
                    return
            self._reap()

    def _missing(self) -> list[str]:
        return [] if self._is_stopping else [name for name in self._roles if name not in self._children.values()]

    def _fork(self, name: str) -> bool:
        """Return True in the child."""
        # A signal waits until both know who they are: the child would else stop its brother.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        pid = os.fork()
        if pid:
            self._children[pid] = name
        else:
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            processes.set_title(name)
            processes.die_with_parent(signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        return pid == 0

    def _reap(self) -> None:
        pid, status = os.wait()
        name = self._children.pop(pid, "a process")
        if not self._is_stopping:
            logger.warning("%s ended with %d and is started again", name, os.waitstatus_to_exitcode(status))
            time.sleep(RESTART_PAUSE_S)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stopping = True
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
