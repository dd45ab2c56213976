"""Waiting for a job, for commands: what happens, as it happens, from the rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from containers.choices import StepState
from containers.models import Job, Line, Step

# One primary-key look each; a terminal that is this late is not noticed.
INTERVAL_S: Final = 0.1
ENDED_STEPS: Final = (StepState.SUCCEEDED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED, StepState.LOST)


@dataclass(frozen=True)
class Progress:
    """Where a job is. `lines` and `ended`, the steps that have ended, are since the last one, in the order they did."""

    job: Job
    ended: tuple[Step, ...]
    lines: tuple[Line, ...] = ()


def follow(job: Job, *, output: bool = False, interval_s: float = INTERVAL_S) -> Iterator[Progress]:
    """Yield what is new about `job` each time something is, with what commands print if `output` is wanted.

    Last of all comes its outcome. Never gives up waiting.
    """
    seen: set[int] = set()
    last: tuple[str, str] | None = None
    line = 0
    while True:
        # The job is read before its steps: when it has ended, they have.
        job.refresh_from_db()
        steps = _newly_ended(job, seen)
        lines = _new_lines(job, line) if output else ()
        line = lines[-1].number if lines else line
        if steps or lines or (job.state, job.reason) != last:
            yield Progress(job, steps, lines)
        if job.has_ended:
            return
        last = (job.state, job.reason)
        time.sleep(interval_s)


def _newly_ended(job: Job, seen: set[int]) -> tuple[Step, ...]:
    rows = Step.objects.filter(job=job, state__in=ENDED_STEPS).exclude(pk__in=seen).order_by("ended_at", "number")
    steps = tuple(rows)
    seen.update(step.pk for step in steps)
    return steps


def _new_lines(job: Job, after: int) -> tuple[Line, ...]:
    return tuple(Line.objects.filter(job=job, number__gt=after).select_related("command__step").order_by("number"))
