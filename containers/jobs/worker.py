"""One worker: a process that has everything ready, takes one job from this host's queue, runs it and ends.

rq would fork for each job when it has arrived; here the fork, the database connection and all that Python and Django
prepare at their first use are done while there is nothing to do. rq's own pool of workers is not used: it builds its
queues without our classes, so it unpickles what it finds. See `launcher` for how several run.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from containers.jobs import queue
from containers.jobs.gate import Worker
from containers.jobs.rehearsal import rehearse

# While the main thread writes what a step has begun, the step's own thread would wait five milliseconds for its turn.
SWITCH_INTERVAL_S: Final = 0.000_5


def serve(name: str) -> None:
    """Run one job of the queue `name`, or none until SIGTERM; a job that runs then is cancelled and says so."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    rehearse()
    # The name carries no host name or process title of anybody else's making.
    worker = Worker([queue.queue(name)], connection=queue.connection(), name=f"{os.getpid()}-{os.urandom(4).hex()}")
    worker.work(logging_level="WARNING", max_jobs=1)
