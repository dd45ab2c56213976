"""How a running job learns that it shall end: from its row, or from the signal that stops the worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

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

    @contextmanager
    def active(self) -> Iterator[None]:
        """Be the one that `terminate_current` means."""
        _active.append(self)
        try:
            yield
        finally:
            _active.remove(self)

    def terminate(self) -> None:
        """End at once because the worker does."""
        self.reason = "spocweb was stopped"
        self.next = True
        self.now.set()


# The job that this process works on, if any.
_active: Final[list[CancelWatch]] = []


def terminate_current() -> None:
    """End the job that this process works on; called by the worker's signal handler."""
    for watch in _active:
        watch.terminate()
