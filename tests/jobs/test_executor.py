"""Steps side by side, in order, ended by failures and cancels. No database: messages are only collected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from containers.choices import StepState
from containers.domain.plan import Action, PlanStep
from containers.errors import Cancelled, HostError
from containers.jobs.executor import Executor, Outcome
from containers.jobs.messages import Message, StepEnded, StepRecorder, StepStarted

Act = Callable[[PlanStep, StepRecorder], None]


class Watch:
    """A cancel that the test sets."""

    def __init__(self) -> None:
        self.now = threading.Event()
        self.next = False
        self.reason = "cancelled"

    def poll(self) -> None:
        pass


def step(number: int, *after: int, action: Action = Action.START) -> PlanStep:
    return PlanStep(number, f"c{number}", action, "asked for", after)


def execute(
    steps: Sequence[PlanStep], act: Act, *, cancel: Watch | None = None, concurrency: int = 4
) -> tuple[Outcome, list[Message]]:
    messages: list[Message] = []
    executor = Executor(steps, act, messages.extend, cancel or Watch(), concurrency=concurrency)  # type: ignore[arg-type]
    return executor.run(), messages


def test_a_step_begins_after_those_it_needs() -> None:
    order: list[int] = []
    outcome, _ = execute([step(1), step(2, 1), step(3, 2)], lambda step, _: order.append(step.number))
    assert order == [1, 2, 3]
    assert set(outcome.states.values()) == {StepState.SUCCEEDED}


def test_steps_that_nothing_holds_back_run_side_by_side() -> None:
    # Each waits for the other: one after the other, this would never end.
    meeting = threading.Barrier(2, timeout=120)
    outcome, _ = execute([step(1), step(2)], lambda *_: meeting.wait() and None)
    assert outcome.failures == []


def test_no_more_run_at_once_than_allowed() -> None:
    seat = threading.Semaphore(2)

    def act(step: PlanStep, recorder: StepRecorder) -> None:
        if not seat.acquire(blocking=False):
            raise HostError("too many at once")
        threading.Event().wait(0.01)
        seat.release()

    outcome, _ = execute([step(number) for number in range(1, 9)], act, concurrency=2)
    assert outcome.failures == []


def test_a_failure_stops_what_depends_on_it_and_nothing_else() -> None:
    def act(step: PlanStep, recorder: StepRecorder) -> None:
        if step.number == 1:
            raise HostError("no")

    outcome, messages = execute([step(1), step(2, 1), step(3, 2), step(4)], act)
    assert outcome.states == {
        1: StepState.FAILED,
        2: StepState.SKIPPED,
        3: StepState.SKIPPED,
        4: StepState.SUCCEEDED,
    }
    notes = {message.step: message.note for message in messages if isinstance(message, StepEnded)}
    assert notes == {1: "no", 2: "c1 did not succeed", 3: "c2 did not succeed", 4: ""}


def test_what_was_not_needed_counts_as_done() -> None:
    order: list[int] = []
    outcome, _ = execute([step(1, action=Action.SKIP), step(2, 1)], lambda step, _: order.append(step.number))
    assert order == [2]
    assert outcome.states == {1: StepState.SKIPPED, 2: StepState.SUCCEEDED}


def test_a_cancel_before_the_next_step_lets_the_running_one_end() -> None:
    cancel = Watch()

    def act(step: PlanStep, recorder: StepRecorder) -> None:
        cancel.next = True

    outcome, _ = execute([step(1), step(2, 1)], act, cancel=cancel)
    assert outcome.states == {1: StepState.SUCCEEDED, 2: StepState.CANCELLED}
    assert outcome.was_cancelled


def test_a_step_that_was_ended_is_cancelled_not_failed() -> None:
    def act(step: PlanStep, recorder: StepRecorder) -> None:
        raise Cancelled("ended")

    outcome, _ = execute([step(1)], act)
    assert outcome.states == {1: StepState.CANCELLED}
    assert outcome.failures == []


def test_a_bug_is_kept_as_it_is() -> None:
    def act(step: PlanStep, recorder: StepRecorder) -> None:
        raise ZeroDivisionError

    outcome, _ = execute([step(1)], act)
    assert [type(error) for _, error in outcome.failures] == [ZeroDivisionError]


@pytest.mark.parametrize("count", [1, 30])
def test_every_step_that_begins_says_so_and_ends_last(count: int) -> None:
    _, messages = execute([step(number) for number in range(1, count + 1)], lambda _, recorder: recorder.note("here"))
    for number in range(1, count + 1):
        kinds = [type(message) for message in messages if message.step == number]
        assert kinds[0] is StepStarted
        assert kinds[-1] is StepEnded
        assert len(kinds) == 3


def test_nothing_to_do_is_done() -> None:
    assert execute([], lambda *_: None)[0].states == {}


def test_what_cleans_up_is_done_whatever_became_of_the_steps_before() -> None:
    def act(step: PlanStep, recorder: StepRecorder) -> None:
        if step.number == 1:
            raise HostError("no")

    last = replace(step(3, 1, 2), always=True)
    outcome, _ = execute([step(1), step(2, 1), last], act)
    assert outcome.states == {1: StepState.FAILED, 2: StepState.SKIPPED, 3: StepState.SUCCEEDED}


def test_what_cleans_up_is_not_cancelled_and_waits_for_what_still_runs() -> None:
    cancel, order = Watch(), list[int]()

    def act(step: PlanStep, recorder: StepRecorder) -> None:
        order.append(step.number)
        if step.number == 1:
            cancel.next = True
            cancel.now.set()
            raise Cancelled("asked to end")

    last = replace(step(3, 1, 2), always=True)
    outcome, _ = execute([step(1), step(2, 1), last], act, cancel=cancel)
    assert order == [1, 3]
    assert outcome.states == {1: StepState.CANCELLED, 2: StepState.CANCELLED, 3: StepState.SUCCEEDED}
    assert outcome.was_cancelled
