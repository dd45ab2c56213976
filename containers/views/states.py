"""How states are shown: a word, a shape and an ink for each, and the line that stands below it.

"Waiting", "Not ready" and "Failed" are no states of LXC: they follow from its state, the last job and what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from containers.choices import ContainerState, JobState, Operation, StepState
from containers.domain.plan import Action


@dataclass(frozen=True)
class Badge:
    """`key` is also the filter's value in the URL; `glyph` a symbol of the sprite; `ink` a colour of the style sheet."""

    key: str
    word: str | Promise
    glyph: str
    ink: str
    is_loud: bool = False
    turns: bool = False


RUNNING: Final = Badge("running", _("Running"), "running", "ok")
STARTING: Final = Badge("starting", _("Starting"), "starting", "move", is_loud=True, turns=True)
WAITING: Final = Badge("waiting", _("Waiting"), "waiting", "wait", is_loud=True)
NOT_READY: Final = Badge("not-ready", _("Not ready"), "notready", "warn", is_loud=True)
FAILED: Final = Badge("failed", _("Failed"), "failed", "bad", is_loud=True)
STOPPING: Final = Badge("stopping", _("Stopping"), "stopping", "move", is_loud=True, turns=True)
ABORTING: Final = Badge("aborting", _("Aborting"), "stopping", "bad", is_loud=True)
FREEZING: Final = Badge("freezing", _("Freezing"), "stopping", "move", is_loud=True)
FROZEN: Final = Badge("frozen", _("Frozen"), "frozen", "cold")
THAWED: Final = Badge("thawed", _("Thawed"), "starting", "move", is_loud=True)
STOPPED: Final = Badge("stopped", _("Stopped"), "stopped", "off")
UNKNOWN: Final = Badge("unknown", _("Unknown"), "unknown", "warn", is_loud=True)

# In the order of the filter chips: what needs eyes first.
CONTAINER_BADGES: Final = (
    FAILED,
    NOT_READY,
    UNKNOWN,
    ABORTING,
    STARTING,
    STOPPING,
    FREEZING,
    THAWED,
    WAITING,
    RUNNING,
    FROZEN,
    STOPPED,
)

INSTALLED: Final = Badge("installed", _("Installed"), "done", "ok")

_BY_STATE: Final = {
    ContainerState.STARTING: STARTING,
    ContainerState.STOPPING: STOPPING,
    ContainerState.ABORTING: ABORTING,
    ContainerState.FREEZING: FREEZING,
    ContainerState.FROZEN: FROZEN,
    ContainerState.THAWED: THAWED,
    ContainerState.UNKNOWN: UNKNOWN,
}

JOB_BADGES: Final = {
    JobState.QUEUED: Badge("queued", JobState.QUEUED.label, "queued", "off"),
    JobState.WAITING: Badge("waiting", JobState.WAITING.label, "waiting", "wait", is_loud=True),
    JobState.RUNNING: Badge("running", JobState.RUNNING.label, "starting", "move", is_loud=True, turns=True),
    JobState.SUCCEEDED: Badge("succeeded", JobState.SUCCEEDED.label, "done", "ok"),
    JobState.FAILED: Badge("failed", JobState.FAILED.label, "failed", "bad", is_loud=True),
    JobState.ERRORED: Badge("errored", JobState.ERRORED.label, "bug", "bad", is_loud=True),
    JobState.CANCELLED: Badge("cancelled", JobState.CANCELLED.label, "cancelled", "off"),
    JobState.LOST: Badge("lost", JobState.LOST.label, "lost", "warn", is_loud=True),
}

STEP_BADGES: Final = {
    StepState.PENDING: Badge("waiting", StepState.PENDING.label, "waiting", "wait", is_loud=True),
    StepState.RUNNING: JOB_BADGES[JobState.RUNNING],
    StepState.SUCCEEDED: JOB_BADGES[JobState.SUCCEEDED],
    StepState.FAILED: JOB_BADGES[JobState.FAILED],
    StepState.SKIPPED: Badge("skipped", StepState.SKIPPED.label, "skipped", "off"),
    StepState.CANCELLED: JOB_BADGES[JobState.CANCELLED],
    StepState.LOST: JOB_BADGES[JobState.LOST],
}

# Jobs at whose end the container is meant to run, and what they do to get it there.
_RAISING: Final = (Operation.START, Operation.RESTART, Operation.AUTOSTART, Operation.UNFREEZE)
_RAISING_ACTIONS: Final = (Action.START, Action.WAIT, Action.UNFREEZE)
_UNENDED: Final = (StepState.PENDING, StepState.RUNNING)


class Stated(Protocol):
    """What of a container its state is told from: the model, or a row of a list."""

    state: str
    state_since: datetime | None
    is_ready: bool | None
    ready: str | None
    failure: str
    build: bool
    is_created: bool
    is_mounted: bool


@dataclass(frozen=True)
class Activity:
    """What the active job is doing with one container: its step there, if it has come that far."""

    operation: str
    job: int
    job_state: str
    action: str = ""
    step_state: str = ""
    note: str = ""
    # What has to be done with others before.
    waits_for: tuple[str, ...] = ()

    @property
    def is_raising(self) -> bool:
        """Whether the container is on its way up, and not there yet."""
        if self.operation not in _RAISING:
            return False
        return not self.step_state or (self.step_state in _UNENDED and self.action in _RAISING_ACTIONS)


def badge_of(container: Stated, activity: Activity | None = None) -> Badge:
    """Return how to show a container; no query, so that a list of a thousand costs little."""
    is_raising = activity is not None and activity.is_raising
    if container.state == ContainerState.RUNNING:
        if is_raising and container.ready and not container.is_ready:
            return STARTING
        return NOT_READY if container.is_ready is False else RUNNING
    if container.state == ContainerState.STOPPED:
        if activity is not None and is_raising:
            return STARTING if activity.step_state == StepState.RUNNING else WAITING
        return FAILED if container.failure else STOPPED
    return _BY_STATE[ContainerState(container.state)]
