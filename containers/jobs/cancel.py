"""How a running job learns that it shall end: from its row, or from the signal that stops the worker."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

from containers.choices import Cancel
from containers.models import Job

# How often a running job looks at its row.
INTERVAL_S = 0.25


class CancelWatch:
    """`now` ends the current commands, `next` keeps further steps from starting; `reason` says who wants it."""

    def __init__(self, job: Job) -> None:
        self._job_id = job.pk
        self.now = threading.Event()
        self.next = False
        self.reason = "cancelled"
        self._looked_at = time.monotonic()

    def poll(self) -> None:
        """Look at the job's row, at most every INTERVAL_S; costs one query by primary key."""
        if time.monotonic() - self._looked_at < INTERVAL_S:
            return
        self._looked_at = time.monotonic()
        how = Job.objects.values_list("cancel", flat=True).get(pk=self._job_id)
        self.next = self.next or how != Cancel.NO
        if how == Cancel.NOW:
            self.now.set()

    def on_terminate(self) -> None:
        """Take SIGTERM for a cancel at once; call it in the main thread."""
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, signum: int, frame: FrameType | None) -> None:
        self.reason = "spocweb was stopped"
        self.next = True
        self.now.set()
