"""Writes a job's record as it happens: steps, commands, lines. One transaction for what arrived together."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatchmethod
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from containers.choices import ENDED_JOB_STATES, PENDING_JOB_STATES, JobState, StepState
from containers.domain.plan import PlanStep
from containers.domain.text import shown
from containers.jobs import messages
from containers.models import Command, Job, JobContainer, Line, Step
from containers.services import events, job_ends, job_records

logger = logging.getLogger(__name__)


def find_job(job_id: int, states: Sequence[JobState]) -> Job | None:
    """Return the job if it is in one of `states`; one whose row cannot be read ends as failed, and is not there."""
    rows = Job.objects.filter(pk=job_id, state__in=states)
    try:
        return rows.select_related("host", "user").first()
    except DatabaseError:
        raise
    # Whoever can write to the database can leave anything in a column: a number of 5,000 digits, a month 13.
    except Exception as error:
        logger.warning("the row of job %s cannot be read", job_id, exc_info=True)
        reason = f"its row cannot be read: {shown(str(error), max_length=200)}"
        with transaction.atomic():
            if rows.update(state=JobState.FAILED, reason=reason, error=reason, ended_at=timezone.now()):
                job_ends.record_unreadable(job_id, JobState.FAILED, reason)
        return None


class Journal:
    """The record of one job. Not thread-safe: it belongs to the job's main thread."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._steps: dict[int, Step] = {}
        self._commands: dict[tuple[int, int], Command] = {}
        self._printed: dict[tuple[int, int], hashlib._Hash] = {}
        self._line_number = 0
        self._news: list[tuple[str, dict[str, Any]]] = []

    def wait(self, reason: str) -> bool:
        """Mark the job as waiting for `reason`; False when it is not the worker's to begin any more."""
        changed = self._change(PENDING_JOB_STATES, state=JobState.WAITING, reason=reason)
        self.publish()
        return changed

    def begin(self) -> bool:
        """Mark the job as running; False when another process or a cancel was faster."""
        return self._change(PENDING_JOB_STATES, state=JobState.RUNNING, reason="", started_at=timezone.now())

    def end(self, state: JobState, reason: str = "", error: str = "") -> None:
        """Write the job's outcome into its row and into the audit trail. What has ended once stays so."""
        unended = [state for state in JobState if state not in ENDED_JOB_STATES]
        with transaction.atomic():
            if self._change(unended, state=state, reason=reason, error=error, ended_at=timezone.now()):
                job_ends.record(self.job)
        self.publish()

    def _change(self, allowed: Sequence[JobState], **values: Any) -> bool:
        if Job.objects.filter(pk=self.job.pk, state__in=allowed).update(**values) != 1:
            return False
        for name, value in values.items():
            setattr(self.job, name, value)
        self._tell("job", id=self.job.pk, **events.job_data(self.job))
        return True

    def plan(self, steps: Iterable[PlanStep], containers: Iterable[str], revisions: Mapping[str, int]) -> None:
        """Write the steps that the job is going to take, the containers that it touches, the revisions that it works with."""
        rows = [
            Step(job=self.job, number=step.number, container=step.container, action=step.action, reason=step.reason)
            for step in steps
        ]
        for row in Step.objects.bulk_create(rows):
            self._steps[row.number] = row
            self._tell_step(row)
        JobContainer.objects.bulk_create([JobContainer(job=self.job, name=name) for name in containers], ignore_conflicts=True)
        if revisions:
            self.job.revisions = dict(revisions)
            self.job.save(update_fields=["revisions"])

    def step(self, number: int) -> Step:
        """Return the row of the step of that number in the plan."""
        return self._steps[number]

    def record(self, batch: Iterable[messages.Message]) -> None:
        """Write a batch; call it inside a transaction, then `publish()` after it."""
        lines: list[Line] = []
        for message in batch:
            if isinstance(message, messages.Output):
                lines += self._lines(message)
            else:
                self._record(message)
        Line.objects.bulk_create(lines)

    def publish(self) -> None:
        """Tell browsers what was written since the last call."""
        news, self._news = self._news, []
        events.publish_all(news)

    @singledispatchmethod
    def _record(self, message: messages.Message) -> None:
        """Facts about containers are somebody else's."""

    @_record.register
    def _(self, message: messages.StepStarted) -> None:
        self._update_step(message.step, state=StepState.RUNNING, started_at=message.at)

    @_record.register
    def _(self, message: messages.StepEnded) -> None:
        # What a step said of itself on the way stays, unless its end has something to say.
        note = message.note or self._steps[message.step].note
        self._update_step(message.step, state=message.state, note=note, ended_at=message.at)

    @_record.register
    def _(self, message: messages.Noted) -> None:
        self._update_step(message.step, note=message.text)

    @_record.register
    def _(self, message: messages.CommandStarted) -> None:
        step = self._steps[message.step]
        row = Command.objects.create(step=step, number=message.number, argv=list(message.argv), started_at=message.at)
        self._commands[message.step, message.number] = row
        self._tell_command(message.step, row)

    @_record.register
    def _(self, message: messages.CommandTried) -> None:
        self._update_command(message.step, message.number, tries=message.tries, exit_code=message.exit_code)

    @_record.register
    def _(self, message: messages.CommandEnded) -> None:
        printed = self._printed.pop((message.step, message.number), hashlib.sha256()).hexdigest()
        self._update_command(
            message.step,
            message.number,
            exit_code=message.exit_code,
            duration_ms=message.duration_ms,
            output_digest=printed,
        )

    def _lines(self, message: messages.Output) -> list[Line]:
        command = self._commands[message.step, message.number]
        printed = self._printed.setdefault((message.step, message.number), hashlib.sha256())
        rows = []
        for text in message.lines:
            job_records.add_line(printed, text)
            self._line_number += 1
            rows.append(Line(job=self.job, command=command, number=self._line_number, at=message.at, text=text))
            self._tell(
                "line", job=self.job.pk, number=self._line_number, at=message.at.isoformat(), text=text, command=command.pk
            )
        return rows

    def _update_step(self, number: int, **values: Any) -> None:
        row = self._steps[number]
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))
        self._tell_step(row)

    def _update_command(self, step: int, number: int, **values: Any) -> None:
        row = self._commands[step, number]
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))
        self._tell_command(step, row)

    def _tell_step(self, row: Step) -> None:
        self._tell(
            "step",
            job=self.job.pk,
            number=row.number,
            container=row.container,
            action=row.action,
            state=row.state,
            note=row.note,
        )

    def _tell_command(self, step: int, row: Command) -> None:
        self._tell(
            "command",
            job=self.job.pk,
            step=step,
            id=row.pk,
            number=row.number,
            argv=row.argv,
            exit_code=row.exit_code,
            duration_ms=row.duration_ms,
            tries=row.tries,
        )

    def _tell(self, kind: str, **data: Any) -> None:
        self._news.append((kind, data))
