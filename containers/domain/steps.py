"""What a plan consists of, and what the planner is told. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from containers.domain.states import Operation, State


class Action(StrEnum):
    """What one step does. Those from NETWORK on are not planned here: they belong to jobs on layers, network and demo."""

    CREATE = "create"
    START = "start"
    WAIT = "wait"
    SKIP = "skip"
    STOP = "stop"
    KILL = "kill"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    EXECUTE = "execute"
    REPAIR = "repair"
    MOUNT = "mount"
    UNMOUNT = "unmount"
    DESTROY = "destroy"
    TIDY = "tidy"
    NETWORK = "network"
    BUILD = "build"
    IMPORT = "import"
    REMOVE = "remove"
    MEASURE = "measure"
    KEEP = "keep"
    EXPORT = "export"
    REFRESH = "refresh"
    FETCH = "fetch"
    CHECK = "check"
    WRITE = "write"
    COPY = "copy"
    PUT_BACK = "put back"
    PUBLISH = "publish"
    BACK_UP = "back up"
    RESTORE = "restore"


@dataclass(frozen=True)
class Fact:
    """What is known of a container. `is_ready` is None when there is no check, or nobody asked since it started."""

    state: State
    is_ready: bool | None
    has_ready_check: bool
    is_mounted: bool = False
    autostart: bool = False
    # False for a container that builds a layer: what it writes is the layer's.
    has_ephemeral: bool = True

    @property
    def is_up(self) -> bool:
        """Whether it runs, is suspended, or is on its way there; what LXC does not answer for counts as up."""
        return self.state not in {State.STOPPED, State.STOPPING, State.ABORTING}


@dataclass(frozen=True)
class PlanStep:
    """One action on one container; `after` are the numbers of the steps that must have succeeded before."""

    number: int
    container: str
    action: Action
    reason: str
    after: tuple[int, ...]
    # Taken whatever became of the steps before it: it cleans up. A cancel does not keep it from anything.
    always: bool = False


@dataclass(frozen=True)
class Plan:
    """The steps of one operation, in an order that respects `after`; whatever that allows may run side by side."""

    operation: Operation
    targets: tuple[str, ...]
    steps: tuple[PlanStep, ...]

    @property
    def containers(self) -> frozenset[str]:
        """Every container that has a step."""
        return frozenset(step.container for step in self.steps)

    @property
    def changes(self) -> tuple[PlanStep, ...]:
        """The steps that do something."""
        return tuple(step for step in self.steps if step.action != Action.SKIP)

    @property
    def changed(self) -> frozenset[str]:
        """Every container that something is done to."""
        return frozenset(step.container for step in self.changes)

    def export(self) -> dict[str, object]:
        """Return the JSON form of the contract."""
        steps = [{"container": step.container, "action": step.action.value, "reason": step.reason} for step in self.steps]
        return {"operation": self.operation.value, "targets": list(self.targets), "steps": steps}


ASKED_FOR: Final = "asked for"
