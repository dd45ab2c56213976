"""Finished jobs with output, and their ends in the trail: what a check of the trail reads beside its events."""

from __future__ import annotations

from datetime import UTC, datetime

LINES = 5
CHUNK = 500
OUTPUT = [f"line {number} of what a command has printed, as long as such lines are" for number in range(LINES)]


def make(count: int) -> None:
    """Make `count` jobs of one step, one command and a few lines, each with its beginning and its end in the trail."""
    for first in range(1, count + 1, CHUNK):
        _make(range(first, min(first + CHUNK, count + 1)))


def _make(numbers: range) -> None:
    from django.db import transaction

    from containers.choices import EventKind
    from containers.models import Job
    from containers.services import audit, job_ends, job_records

    with transaction.atomic():
        _rows(numbers)
        digests = job_records.digests_of(list(numbers))
        for job in Job.objects.filter(pk__in=numbers).order_by("pk"):
            audit.record_for(job, EventKind.JOB_QUEUE, "shop", {"operation": job.operation})
            data = {"operation": job.operation, "state": job.state, "reason": "", "record": digests[job.pk]}
            audit.record_for(job, EventKind.JOB_END, job_ends.subject_of(job), data)


def _rows(numbers: range) -> None:
    from containers.models import Command, Job, Line, Step
    from containers.services import hosts, job_records

    host, at, digest = hosts.current(), datetime.now(UTC), job_records.output_digest(OUTPUT)
    ended = {"state": "succeeded", "user_name": "ann", "via": "web", "started_at": at, "ended_at": at}
    Job.objects.bulk_create(Job(pk=pk, host=host, operation="start", targets=["shop"], **ended) for pk in numbers)
    times = {"started_at": at, "ended_at": at}
    Step.objects.bulk_create(
        Step(pk=pk, job_id=pk, number=1, container="shop", action="start", state="succeeded", **times) for pk in numbers
    )
    ran = {"argv": ["lxc-start", "-n", "shop"], "started_at": at, "duration_ms": 50, "exit_code": 0, "output_digest": digest}
    Command.objects.bulk_create(Command(pk=pk, step_id=pk, number=1, **ran) for pk in numbers)
    Line.objects.bulk_create(
        Line(job_id=pk, command_id=pk, number=number, at=at, text=text) for pk in numbers for number, text in enumerate(OUTPUT)
    )
