"""One job made of several: each part is a handler of its own, their steps stand in one journal, one after the other.

What a part needs to know may be what the one before it made, so a part is planned when its turn comes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from django.conf import settings

from containers.domain.plan import Action, PlanStep
from containers.domain.states import Operation
from containers.errors import Cancelled
from containers.host.command import Runner
from containers.host.locks import Busy, Locks
from containers.jobs.cancel import INTERVAL_S, CancelWatch
from containers.jobs.handlers.base import Handler
from containers.jobs.journal import Journal
from containers.jobs.messages import Message, StepRecorder
from containers.models import Job, Step

Act = Callable[[Runner, StepRecorder], None]
Keep = Callable[[Message], None]


class PartJournal(Journal):
    """A part's own view of the job's journal: its steps are numbered as if they were the only ones."""

    def __init__(self, whole: Journal, offset: int) -> None:
        super().__init__(whole.job)
        self._whole = whole
        self._offset = offset

    def plan(self, steps: Iterable[PlanStep], containers: Iterable[str], revisions: Mapping[str, int]) -> None:
        """Write the part's steps after those that are there."""
        self._whole.plan([self._shifted(step) for step in steps], containers, {**self._whole.job.revisions, **revisions})

    def step(self, number: int) -> Step:
        """Return the row of the part's step of that number."""
        return self._whole.step(number + self._offset)

    def record(self, batch: Iterable[Message]) -> None:
        """Write a batch of the part's."""
        self._whole.record([replace(message, step=message.step + self._offset) for message in batch])

    def publish(self) -> None:
        """Tell browsers what was written since the last call."""
        self._whole.publish()

    def _shifted(self, step: PlanStep) -> PlanStep:
        after = tuple(number + self._offset for number in step.after)
        return replace(step, number=step.number + self._offset, after=after)


class Uninterrupted(CancelWatch):
    """What brings things in order is not cancelled."""

    def poll(self) -> None:
        """Look at nothing."""

    def terminate(self) -> None:
        """Go on: whoever stops the worker waits for a while; what is killed then, the next look mends."""


class Parts:
    """The parts of one job. `held` are the locks that the job itself has."""

    def __init__(self, job: Job, journal: Journal, cancel: CancelWatch, held: frozenset[str]) -> None:
        self._job = job
        self._journal = journal
        self._cancel = cancel
        self._held = held
        self._locks: Final = Locks(settings.RUN_DIR)
        self._next = 1

    def uninterrupted(self) -> Parts:
        """Return the way to bring things in order: its parts are not cancelled, and stand in the same journal."""
        other = copy.copy(self)
        other._cancel = Uninterrupted(self._job)
        return other

    def run(
        self, kind: type[Handler], operation: Operation, targets: Sequence[str], inputs: Mapping[str, Any] | None = None
    ) -> None:
        """Run a handler as if there were a job of that operation. Raises what it raises."""
        self.carry_out(lambda job, journal, cancel: kind(job, journal, cancel), operation, targets, inputs)

    def carry_out(
        self,
        make: Callable[[Job, Journal, CancelWatch], Handler],
        operation: Operation,
        targets: Sequence[str],
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Run the handler that `make` returns. Raises what it raises."""
        job = copy.copy(self._job)
        job.operation, job.targets, job.inputs = operation, list(targets), dict(inputs or {})
        # Nobody who looks at the journal later may find two steps of one number.
        self._next = self._first_free()
        handler = make(job, PartJournal(self._journal, self._next), self._cancel)
        handler.is_part = True
        with self._locked(handler):
            handler.run()

    def actions(self, actions: Sequence[Doing], keep: Keep | None = None) -> None:
        """Do one thing after the other, each a step."""
        if actions:
            self.carry_out(lambda job, journal, cancel: _Actions(job, journal, cancel, actions, keep), Operation.TIDY, [])

    def pause(self, seconds: float) -> None:
        """Wait a little for somebody else. Raises Cancelled where the job is to end."""
        self._cancel.now.wait(seconds)
        self._cancel.poll()
        if self._cancel.next:
            raise Cancelled(self._cancel.reason)

    def _first_free(self) -> int:
        last = self._job.steps.order_by("-number").values_list("number", flat=True).first()
        return 1 if last is None else last + 1

    @contextmanager
    def _locked(self, handler: Handler) -> Iterator[None]:
        """Hold what the part locks beside what the job does, waiting for whoever has it."""
        with ExitStack() as stack:
            while True:
                names = handler.scope()
                try:
                    held = self._locks.try_acquire(sorted(names - self._held), f"job {self._job.pk}")
                except Busy:
                    self.pause(INTERVAL_S)
                    continue
                if handler.scope() == names:
                    stack.enter_context(held)
                    break
                held.release()
            yield


@dataclass(frozen=True)
class Doing:
    """One step: on which container, if on one, what it is, why, and what is done. It runs in a thread: no database."""

    container: str
    action: Action
    reason: str
    act: Act


class _Actions(Handler):
    """Steps that follow one another."""

    def __init__(self, job: Job, journal: Journal, cancel: CancelWatch, actions: Sequence[Doing], keep: Keep | None) -> None:
        super().__init__(job, journal, cancel)
        self._actions = actions
        self._keep = keep

    def scope(self) -> frozenset[str]:
        """Lock nothing: the job has what it needs."""
        return frozenset()

    def steps(self) -> Sequence[PlanStep]:
        """Number them."""
        return [
            PlanStep(number, doing.container, doing.action, doing.reason, (number - 1,) if number > 1 else ())
            for number, doing in enumerate(self._actions, start=1)
        ]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Do one."""
        self._actions[step.number - 1].act(self.runner(recorder), recorder)

    def keep(self, message: Message) -> None:
        """Pass on what was found or made."""
        if self._keep:
            self._keep(message)
