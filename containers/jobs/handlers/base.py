"""What all handlers share: a job, its journal, and the way from a plan to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction

from containers.choices import StepState
from containers.domain.layout import Layout
from containers.domain.plan import PlanStep
from containers.domain.states import Operation
from containers.errors import Cancelled, InvalidRequest, SpocError
from containers.host.command import Runner
from containers.jobs.cancel import CancelWatch
from containers.jobs.executor import Executor, Outcome
from containers.jobs.journal import Journal
from containers.jobs.messages import Mailbox, Message, StepRecorder
from containers.models import Job
from containers.services import access, inputs
from containers.services.actor import Actor, of_job_as_read


class Handler:
    """One job being worked on. A subclass says what it locks (`scope`), what it does (`steps`) and how (`act`)."""

    concurrency: ClassVar[int] = settings.JOB_CONCURRENCY

    # Whether it does a part of a job of another operation, whose right was asked for.
    is_part = False

    def __init__(self, job: Job, journal: Journal, cancel: CancelWatch) -> None:
        self.job = job
        # What stands in the row is judged as it was when it was asked for. Raises InvalidRequest.
        self.inputs: dict[str, Any] = inputs.parse(Operation(job.operation), job.inputs, idmap_size=settings.IDMAP_SIZE).export()
        self.journal = journal
        self.cancel = cancel
        # What was run before there was a plan, by container: it is recorded with the container's first step.
        self._early: dict[str, Mailbox] = {}
        self.layout = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)

    def target(self, what: str) -> str:
        """Return the one target in the job's row, not judged yet; `what` it is stands in the error. Raises InvalidRequest."""
        targets = self.job.targets
        if not isinstance(targets, list) or len(targets) != 1 or not isinstance(targets[0], str):
            raise InvalidRequest.of("targets", f"expected one {what}")
        return targets[0]

    def target_name(self, what: str, check: Callable[[str], str]) -> str:
        """Return the one target as `check` has it, which raises ValueError for what is no name: it becomes a path.

        Raises InvalidRequest.
        """
        try:
            return check(self.target(what))
        except ValueError as error:
            raise InvalidRequest.of("name", str(error)) from error

    def scope(self) -> frozenset[str]:
        """Return the names of what the job reads or changes: what it locks."""
        raise NotImplementedError

    def steps(self) -> Sequence[PlanStep]:
        """Look at rows and host, and return what is to be done. Raises SpocError when it cannot be."""
        raise NotImplementedError

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Do one step; runs in a thread of its own and must not use the database."""
        raise NotImplementedError

    def keep(self, message: Message) -> None:
        """Write a fact about a container or layer to its row."""

    def keep_facts(self) -> None:
        """Write what was found before the plan was made: with the first messages, when the first steps are under way."""

    def run(self) -> None:
        """Plan, record the plan, carry it out. Raises what makes the job failed, cancelled or errored."""
        self.check_right(())
        steps = self.steps()
        self.check_right(steps)
        with transaction.atomic():
            self.journal.plan(steps, self.containers(), self.revisions())
            self.journal.record(self._early_messages(steps))
        # Browsers are told with the first messages: nothing stands between the record of a plan and its first step.
        executor = Executor(steps, self.act, self._sink, self.cancel, concurrency=self.concurrency)
        self.conclude(executor.run())

    def check_right(self, steps: Sequence[PlanStep]) -> None:
        """Raise Refused unless who asked may have `steps` done; a part is covered by the right to the whole."""
        if not self.is_part:
            self.authorise(steps)

    def authorise(self, steps: Sequence[PlanStep]) -> None:
        """Raise Refused unless who asked may have `steps` done now: rights may be gone since, rows may be forged."""
        access.require_job(self.actor, Operation(self.job.operation), self.inputs, (), ())

    @property
    def actor(self) -> Actor:
        """Who asked for the job: for what he may. What is written in his name takes `actor.of_job`."""
        return of_job_as_read(self.job)

    def containers(self) -> frozenset[str]:
        """Return the names of the containers that the job is listed under."""
        return self.scope()

    def revisions(self) -> dict[str, int]:
        """Return the revisions of the definitions that the job works with, by container."""
        return {}

    def conclude(self, outcome: Outcome) -> None:
        """Turn what became of the steps into the job's outcome."""
        if outcome.failures:
            raise _combined(outcome.failures)
        if outcome.was_cancelled:
            undone = sum(state == StepState.CANCELLED for state in outcome.states.values())
            raise Cancelled(f"{self.cancel.reason}; {undone} of {len(outcome.states)} steps were not done")

    def early_recorder(self, container: str) -> StepRecorder:
        """Return a recorder for the one command that may be run on a container to find out what is to be done."""
        return StepRecorder(self._early.setdefault(container, Mailbox()), 0, first_command=0)

    def _early_messages(self, steps: Sequence[PlanStep]) -> list[Message]:
        first = {step.container: step.number for step in reversed(steps)}
        return [
            replace(message, step=first[container])
            for container, mailbox in self._early.items()
            if container in first
            for message in mailbox.collect(0)
        ]

    def runner(self, recorder: StepRecorder) -> Runner:
        """Return what runs programs for one step."""
        return Runner(recorder, self.cancel.now)

    def _sink(self, batch: Sequence[Message]) -> None:
        with transaction.atomic():
            self.keep_facts()
            self.journal.record(batch)
            for message in batch:
                self.keep(message)
        self.journal.publish()


def _combined(failures: Sequence[tuple[PlanStep, BaseException]]) -> BaseException:
    """Return the first bug, or else the first failure with the others' reasons beside it."""
    for _, error in failures:
        if not isinstance(error, SpocError):
            return error
    first = failures[0][1]
    if len(failures) == 1 or not isinstance(first, SpocError):
        return first
    others = "\n".join(f"{step.container}: {error}" for step, error in failures[1:])
    return SpocError(first.brief, f"{first.details}\n{others}".strip(), first.resolution)
