"""Whether finished jobs are what they were when they ended: their record, and what is kept of their output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import DatabaseError
from django.db.models import Exists, Max, OuterRef

from containers.choices import ENDED_JOB_STATES, EventKind
from containers.models import Command, Event, EventGap, Job
from containers.services import job_records
from containers.services.audit_verify import Finding

CHUNK: Final = 200
# What a record's digest is called where its row could not be read.
UNREADABLE: Final = ""
_NO_OUTPUT: Final = job_records.output_digest([])


@dataclass
class JobCheck:
    """One pass over all finished jobs. `covered` and `uncovered` count those that the trail has the end of, or has no more."""

    with_output: bool = True
    covered: int = 0
    uncovered: int = 0

    def findings(self) -> Iterator[Finding]:
        """Yield all that is wrong."""
        self._begun = _begun()
        self._removed_until = EventGap.objects.aggregate(until=Max("until"))["until"]
        ended = Job.objects.filter(state__in=ENDED_JOB_STATES).order_by("pk").values_list("pk", flat=True)
        after = 0
        while chunk := list(ended.filter(pk__gt=after)[:CHUNK]):
            yield from self._check(chunk)
            after = chunk[-1]
        yield from _gone()

    def _check(self, numbers: list[int]) -> Iterator[Finding]:
        ends = _ends(numbers)
        digests = _digests(numbers)
        doubtful = _doubtful_outputs(numbers) if self.with_output else set()
        for number in numbers:
            recorded = ends.get(number, [])
            if not recorded:
                yield from self._without_end(number)
                continue
            self.covered += 1
            if len(recorded) > 1:
                yield Finding(f"job {number} has ended {len(recorded)} times in the trail", number, number)
            if recorded[0] not in (UNREADABLE, digests.get(number)):
                yield Finding(f"job {number} has been changed since it ended", number, number)
            elif number in doubtful:
                yield from _output(number)

    def _without_end(self, number: int) -> Iterator[Finding]:
        ended_at = _ended_at(number)
        if number <= self._begun or (self._removed_until and ended_at and ended_at <= self._removed_until):
            self.uncovered += 1
        else:
            yield Finding(f"job {number} has ended, and the trail does not know of it", number, number)


def _begun() -> int:
    """Return the number of the last job of before there was a chain."""
    event = Event.objects.filter(kind=EventKind.AUDIT_BEGIN).order_by("id").first()
    jobs = event.data.get("jobs") if event and isinstance(event.data, dict) else 0
    return jobs if isinstance(jobs, int) else 0


def _ends(numbers: list[int]) -> dict[int, list[Any]]:
    """Return by job the digests that its ends have recorded, the first of them first."""
    found: dict[int, list[Any]] = {}
    rows = Event.objects.filter(kind=EventKind.JOB_END, job__in=numbers).order_by("id")
    for number, data in rows.values_list("job_id", "data"):
        found.setdefault(number, []).append(data.get("record") if isinstance(data, dict) else None)
    return found


def _digests(numbers: list[int]) -> dict[int, str]:
    try:
        return job_records.digests_of(numbers)
    except DatabaseError:
        raise
    except Exception:  # noqa: BLE001  one row that cannot be read: each by itself then
        return {number: job_records.digest_of(number) for number in numbers}


def _ended_at(number: int) -> datetime | None:
    try:
        return Job.objects.filter(pk=number).values_list("ended_at", flat=True).first()
    except (ValueError, TypeError, OverflowError):
        # Whatever stands there is no time.
        return None


def _doubtful_outputs(numbers: list[int]) -> set[int]:
    """Return the jobs with a command whose digest is not that of the lines there are: swept, or changed. Two queries."""
    found = job_records.output_digests(numbers)
    commands = Command.objects.filter(step__job__in=numbers).values_list("pk", "step__job", "output_digest")
    return {job for key, job, digest in commands if found.get(key, _NO_OUTPUT) != digest}


def _output(number: int) -> Iterator[Finding]:
    """Compare what is kept of a job's output. Retention takes its oldest lines: one command may be left with a part of them."""
    is_swept = Event.objects.filter(kind=EventKind.JOB_SWEEP, job=number).exists()
    commands = Command.objects.filter(step__job=number).annotate(first=Max("lines__number")).order_by("first")
    for key, digest in commands.values_list("pk", "output_digest"):
        lines = list(job_records.lines_of(key)) if is_swept else job_records.lines_of(key)
        if job_records.output_digest(lines) == digest:
            continue
        if is_swept and (not lines or _is_first_kept(number, key)):
            continue
        yield Finding(f"the output of job {number} has been changed since it ended", number, number)
        return


def _is_first_kept(number: int, command: int) -> bool:
    first = Job.objects.get(pk=number).lines.order_by("number").values_list("command", flat=True).first()
    return first == command


def _gone() -> Iterator[Finding]:
    """Jobs are never removed."""
    rows = Event.objects.filter(kind=EventKind.JOB_QUEUE, job__isnull=False)
    for number in rows.exclude(Exists(Job.objects.filter(pk=OuterRef("job_id")))).order_by("id").values_list("job_id", flat=True):
        yield Finding(f"job {number} is gone", number, number)
