"""How long a plan takes, by what its steps took before: who waits for whom, and what the total hangs on. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from containers.domain.graph import Graph
from containers.domain.plan import plan as make_plan
from containers.domain.states import Operation, State
from containers.domain.steps import Action, Fact, Plan, PlanStep

# {(container, action): seconds}, for those that are known.
Durations = Mapping[tuple[str, str], float]

REBOOT: Final = "reboot"


@dataclass(frozen=True)
class Timing:
    """When a step begins, in seconds from the start of the job, and how long it lasts.

    `lasts_s` is None where no run is on record; it then counts as no time at all.
    `behind` is the step whose end lets it begin, or None.
    """

    step: PlanStep
    begins_s: float
    lasts_s: float | None
    behind: int | None = None

    @property
    def ends_s(self) -> float:
        """When it ends, in seconds from the start of the job."""
        return self.begins_s + (self.lasts_s or 0.0)


@dataclass(frozen=True)
class Estimate:
    """The steps in the plan's own order, each with its time."""

    timings: tuple[Timing, ...]

    @property
    def total_s(self) -> float:
        """How long all of it takes; 0 for an empty plan."""
        return max((timing.ends_s for timing in self.timings), default=0.0)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Containers with a step that nobody has timed: the total is too low by what it takes."""
        return tuple(dict.fromkeys(timing.step.container for timing in self.timings if timing.lasts_s is None))

    @property
    def critical(self) -> tuple[int, ...]:
        """The numbers of the steps that the total hangs on, first to last: none can be longer without delaying the end."""
        by_number = {timing.step.number: timing for timing in self.timings}
        last = max(self.timings, key=lambda timing: timing.ends_s, default=None)
        chain: list[int] = []
        while last is not None:
            chain.append(last.step.number)
            last = by_number[last.behind] if last.behind is not None else None
        return tuple(reversed(chain))


def estimate(steps: Sequence[PlanStep], durations: Durations, *, side_by_side: int) -> Estimate:
    """Return when each step begins if at most `side_by_side` run at a time and each lasts as in `durations`.

    Steps begin as the executor lets them: as soon as all of `after` have ended, the first in the plan first.
    """
    waiting = {step.number: set(step.after) for step in steps}
    by_number = {step.number: step for step in steps}
    ready = [number for number, after in sorted(waiting.items()) if not after]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    found: dict[int, Timing] = {}
    now, behind = 0.0, None
    while ready or running:
        while ready and len(running) < side_by_side:
            step = by_number[heapq.heappop(ready)]
            found[step.number] = timing = Timing(step, now, _duration(step, durations), behind)
            heapq.heappush(running, (timing.ends_s, step.number))
        now, behind = heapq.heappop(running)
        for number in _released(behind, waiting):
            heapq.heappush(ready, number)
    return Estimate(tuple(found[step.number] for step in steps))


def reboot(graph: Graph, facts: Mapping[str, Fact]) -> tuple[PlanStep, ...]:
    """Return the steps of a reboot of the host: everything stops, then starts what starts at boot, numbered through."""
    down = make_plan(Operation.SHUTDOWN, (), graph, facts)
    stopped = {name: Fact(State.STOPPED, None, fact.has_ready_check, autostart=fact.autostart) for name, fact in facts.items()}
    up = make_plan(Operation.AUTOSTART, (), graph, stopped)
    return (*down.steps, *_after(down, up))


def _after(first: Plan, second: Plan) -> Iterable[PlanStep]:
    """The steps of `second`, numbered on; those that depend on nothing wait for what of `first` ends last."""
    offset = len(first.steps)
    awaited = {number for step in first.steps for number in step.after}
    ends = tuple(step.number for step in first.steps if step.number not in awaited)
    for step in second.steps:
        after = tuple(number + offset for number in step.after) or ends
        yield PlanStep(step.number + offset, step.container, step.action, step.reason, after)


def _duration(step: PlanStep, durations: Durations) -> float | None:
    return 0.0 if step.action == Action.SKIP else durations.get((step.container, step.action.value))


def _released(ended: int, waiting: dict[int, set[int]]) -> list[int]:
    """Take `ended` from what others wait for; return those that wait for nothing any more."""
    released = []
    for number, after in waiting.items():
        if ended in after:
            after.discard(ended)
            if not after:
                released.append(number)
    return released
