"""Waiting for a job, for commands: what happens, as it happens, from the rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from containers.choices import StepState
from containers.models import Job, Step

# One primary-key look each; a terminal that is this late is not noticed.
INTERVAL_S: Final = 0.1
ENDED_STEPS: Final = (StepState.SUCCEEDED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED, StepState.LOST)


@dataclass(frozen=True)
class Progress:
    """Where a job is. `ended` are the steps that have ended since the last one, in the order they did."""

    job: Job
    ended: tuple[Step, ...]


def follow(job: Job, *, interval_s: float = INTERVAL_S) -> Iterator[Progress]:
    """Yield what is new about `job` each time something is, and last of all its outcome. Never gives up waiting."""
    seen: set[int] = set()
    last: tuple[str, str] | None = None
    while True:
        # The job is read before its steps: when it has ended, they have.
        job.refresh_from_db()
        steps = _newly_ended(job, seen)
        if steps or (job.state, job.reason) != last:
            yield Progress(job, steps)
        if job.has_ended:
            return
        last = (job.state, job.reason)
        time.sleep(interval_s)


def _newly_ended(job: Job, seen: set[int]) -> tuple[Step, ...]:
    rows = Step.objects.filter(job=job, state__in=ENDED_STEPS).exclude(pk__in=seen).order_by("ended_at", "number")
    steps = tuple(rows)
    seen.update(step.pk for step in steps)
    return steps
