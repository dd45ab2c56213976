"""One worker: takes jobs from this host's queue and forks for each.

rq's own pool of workers is not used: it builds its queues without our classes, so it unpickles what it finds. See
`launcher` for how several run.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from django.db import connections

from containers.jobs import queue
from containers.jobs.gate import Worker
from containers.models import Container, Job

# While the main thread writes what a step has begun, the step's own thread would wait five milliseconds for its turn.
SWITCH_INTERVAL_S: Final = 0.000_5


def warm_up() -> None:
    """Ask what every job asks first, for nobody, and close the connection again.

    Django loads and builds a part of itself at the first query: done before the forks, it is not done in each of them.
    """
    Job.objects.select_related("host", "user").filter(pk=0).first()
    list(Container.objects.filter(pk=0).with_definition())
    Container.objects.filter(pk=0).edges()
    Container.objects.filter(pk=0).update(pid=None)
    connections.close_all()


def serve(name: str) -> None:
    """Run the jobs of the queue `name` until SIGTERM; the job that runs then is cancelled and says so."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # The name carries no host name or process title of anybody else's making.
    worker = Worker([queue.queue(name)], connection=queue.connection(), name=f"{os.getpid()}-{os.urandom(4).hex()}")
    worker.work(logging_level="WARNING")
