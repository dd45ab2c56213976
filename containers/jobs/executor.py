"""Carries out a plan: every step starts as soon as the steps it comes after have succeeded, side by side.

A step that is taken `always` starts when they have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from containers.choices import StepState
from containers.domain.plan import Action, PlanStep
from containers.errors import Cancelled, SpocError
from containers.jobs.cancel import CancelWatch
from containers.jobs.messages import Mailbox, Message, StepEnded, StepRecorder, StepStarted

# How long a cancel waits to be noticed at most.
POLL_S = 0.25

Act = Callable[[PlanStep, StepRecorder], None]
Sink = Callable[[Sequence[Message]], None]


@dataclass
class Outcome:
    """What became of the steps, by number."""

    states: dict[int, StepState] = field(default_factory=dict)
    failures: list[tuple[PlanStep, BaseException]] = field(default_factory=list)

    @property
    def was_cancelled(self) -> bool:
        """Whether a step was ended, or not begun, because the job was to end."""
        return StepState.CANCELLED in self.states.values()


class Executor:
    """Runs `act(step, recorder)` for each step in a thread of its own, at most `concurrency` at a time.

    `sink` gets all messages, in the calling thread, which is the only one that may use the database.
    """

    def __init__(self, steps: Sequence[PlanStep], act: Act, sink: Sink, cancel: CancelWatch, *, concurrency: int) -> None:
        self._steps = {step.number: step for step in steps}
        self._act = act
        self._sink = sink
        self._cancel = cancel
        self._mailbox = Mailbox()
        self._pool = ThreadPoolExecutor(max_workers=max(1, min(concurrency, len(steps))), thread_name_prefix="step")
        self._begun: set[int] = set()
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """Return when every step has ended, been skipped or been cancelled; never raises what a step raised."""
        with self._pool:
            self._advance()
            while len(self._outcome.states) < len(self._steps):
                self._receive(self._mailbox.collect(POLL_S))
            self._sink(self._mailbox.collect(0))
        return self._outcome

    def _receive(self, messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, StepEnded):
                self._settle(message)
        # What became possible starts before anything is written: the database is not on its way.
        self._advance()
        self._sink(messages)
        self._cancel.poll()
        if self._cancel.next:
            self._advance()

    def _settle(self, ended: StepEnded) -> None:
        self._outcome.states[ended.step] = ended.state
        if ended.error is not None:
            self._outcome.failures.append((self._steps[ended.step], ended.error))

    def _advance(self) -> None:
        for step in self._steps.values():
            if step.number in self._begun:
                continue
            if self._cancel.next and not step.always:
                self._end_unbegun(step, StepState.CANCELLED, self._cancel.reason)
            elif not step.always and (blocker := self._blocker(step)):
                self._end_unbegun(step, StepState.SKIPPED, f"{blocker.container or blocker.action} did not succeed")
            elif self._may_begin(step):
                self._begun.add(step.number)
                self._pool.submit(self._run_step, step)

    def _blocker(self, step: PlanStep) -> PlanStep | None:
        for number in step.after:
            if self._outcome.states.get(number, StepState.SUCCEEDED) != StepState.SUCCEEDED and not self._was_not_needed(number):
                return self._steps[number]
        return None

    def _may_begin(self, step: PlanStep) -> bool:
        return all(number in self._outcome.states for number in step.after)

    def _was_not_needed(self, number: int) -> bool:
        return self._steps[number].action == Action.SKIP and self._outcome.states[number] == StepState.SKIPPED

    def _end_unbegun(self, step: PlanStep, state: StepState, note: str) -> None:
        self._begun.add(step.number)
        self._outcome.states[step.number] = state
        self._mailbox.put(StepEnded(step=step.number, state=state, note=note))

    def _run_step(self, step: PlanStep) -> None:
        recorder = StepRecorder(self._mailbox, step.number)
        recorder.tell(StepStarted(step=step.number))
        if step.action == Action.SKIP:
            recorder.tell(StepEnded(step=step.number, state=StepState.SKIPPED, note=step.reason))
            return
        recorder.tell(self._attempt(step, recorder))

    def _attempt(self, step: PlanStep, recorder: StepRecorder) -> StepEnded:
        try:
            self._act(step, recorder)
        except Cancelled as error:
            return StepEnded(step=step.number, state=StepState.CANCELLED, note=error.brief)
        except SpocError as error:
            return StepEnded(step=step.number, state=StepState.FAILED, note=str(error), error=error)
        except BaseException as error:  # noqa: BLE001  a thread's bug ends the job as errored, in the job boundary
            return StepEnded(step=step.number, state=StepState.FAILED, note="this is a bug in spocweb", error=error)
        return StepEnded(step=step.number, state=StepState.SUCCEEDED)
