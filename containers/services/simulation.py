"""What would happen if: the order and the expected time of a start, a stop, a restart, a reboot. Touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

from containers.domain.estimate import Estimate, estimate, reboot
from containers.domain.states import Operation
from containers.domain.steps import PlanStep
from containers.services import plans, timings


class Scenario(StrEnum):
    """What can be simulated; a reboot is about the whole host."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    REBOOT = "reboot"

    @property
    def is_whole_host(self) -> bool:
        """Whether it is about every container and takes no names."""
        return self == Scenario.REBOOT


@dataclass(frozen=True)
class Simulation:
    """The steps of a scenario with their times; `targets` is empty where it is about the whole host."""

    scenario: Scenario
    targets: tuple[str, ...]
    estimate: Estimate


def simulate(scenario: Scenario, names: Sequence[str] = ()) -> Simulation:
    """Return what would be done, in order, and how long that took before. Four queries.

    Raises what `plans.preview` does: NotFound, Conflict, InvalidRequest.
    """
    if scenario.is_whole_host:
        plans.check_seen(Operation.AUTOSTART, ())
        facts = plans.facts()
        return _timed(scenario, (), reboot(plans.graph(facts), facts))
    plan = plans.preview(Operation(scenario.value), names)
    return _timed(scenario, plan.targets, plan.steps)


def _timed(scenario: Scenario, targets: tuple[str, ...], steps: Sequence[PlanStep]) -> Simulation:
    durations = timings.medians({step.container for step in steps})
    return Simulation(scenario, targets, estimate(steps, durations, side_by_side=settings.JOB_CONCURRENCY))
