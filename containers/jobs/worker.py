"""The worker's processes: a parent that loads everything once, and forked rq workers that share its memory."""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from types import FrameType

from django.db import connections

from containers.host import processes
from containers.jobs import handlers, queue
from containers.jobs.gate import Worker

logger = logging.getLogger(__name__)

# A worker that ends at once (Redis is away, or an entry that rq cannot even read) is not restarted in a tight loop.
RESTART_PAUSE_S = 0.5


class WorkerPool:
    """Keeps `count` workers on the queue `name` alive until it is told to stop.

    rq's own pool is not used: it builds its queues without our classes, so it unpickles what it finds.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._pids: set[int] = set()
        self._is_stopping = False

    def serve(self) -> None:
        """Run until SIGTERM or SIGINT; the jobs that run then are cancelled and say so."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        logger.info("listening on %s with %d workers, %d operations", self._name, self._count, len(handlers.HANDLERS))
        connections.close_all()
        # What is loaded now is shared by all children; a collection would touch, and so copy, every page of it.
        gc.collect()
        gc.freeze()
        while not self._is_stopping or self._pids:
            self._fill()
            if self._is_stopping:
                # The signal may have come between a fork and the note of its pid.
                self._terminate()
            self._reap()

    def _fill(self) -> None:
        while len(self._pids) < self._count and not self._is_stopping:
            pid = os.fork()
            if pid == 0:
                _work(self._name)
            self._pids.add(pid)

    def _reap(self) -> None:
        pid, status = os.wait()
        self._pids.discard(pid)
        if not self._is_stopping:
            logger.warning("worker %d ended with %d", pid, os.waitstatus_to_exitcode(status))
            time.sleep(RESTART_PAUSE_S)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stopping = True
        self._terminate()

    def _terminate(self) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)


def _work(name: str) -> None:
    """Be one rq worker, in a child of the pool; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        processes.die_with_parent(signal.SIGTERM)
        # The name carries no host name or process title of anybody else's making.
        Worker([queue.queue(name)], connection=queue.connection(), name=f"{os.getpid()}-{os.urandom(4).hex()}").work(
            logging_level="WARNING"
        )
        code = 0
    finally:
        os._exit(code)
