"""A job that did not come to its end, taken up again: what is left of it.

Nothing of the old run is carried over. The rest is asked for as a new job, whose plan is made from what the host says then:
what this one did and nobody undid is skipped there, not believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from containers.choices import JobState, StepState
from containers.domain.states import Operation
from containers.domain.steps import Action
from containers.errors import Conflict
from containers.models import Job, Mount, Step
from containers.services import access, hosts, operations
from containers.services.actor import Actor

# By what the rest of an operation is asked for. A command that broke off has no rest, nor has what is one step.
_REST: Final[Mapping[str, Operation]] = {
    Operation.START: Operation.START,
    Operation.AUTOSTART: Operation.START,
    Operation.STOP: Operation.STOP,
    Operation.SHUTDOWN: Operation.STOP,
    Operation.RESTART: Operation.RESTART,
    Operation.KILL: Operation.KILL,
    Operation.FREEZE: Operation.FREEZE,
    Operation.UNFREEZE: Operation.UNFREEZE,
    Operation.MOUNT: Operation.MOUNT,
    Operation.UNMOUNT: Operation.UNMOUNT,
    Operation.DESTROY: Operation.DESTROY,
}
_BROKEN: Final = (JobState.FAILED, JobState.ERRORED, JobState.CANCELLED, JobState.LOST)


@dataclass(frozen=True)
class Rest:
    """What is left: `operation` on `targets`, beginning where `first` did not succeed; `done` are the containers left alone."""

    operation: Operation
    targets: tuple[str, ...]
    first: str
    done: tuple[str, ...]

    def is_all_of(self, job: Job) -> bool:
        """Whether asking for the rest is asking for the same again: the plan alone skips what is done."""
        return self.operation == job.operation and set(self.targets) == set(job.targets)


def rest_of(job: Job, steps: Sequence[Step]) -> Rest | None:
    """Return what is left of an ended job; None where nothing was done, nothing is left, or a rest makes no sense."""
    operation = _REST.get(job.operation)
    undone = [step for step in steps if step.container and not _is_done(step)]
    left = _names(undone)
    done = [name for name in _names(steps) if name not in left]
    # Of a restart, a stop that is done is something, too: containers come up without going down once more.
    has_begun = bool(done) or any(_is_done(step) for step in steps)
    if operation is None or job.state not in _BROKEN or not undone or not has_begun:
        return None
    if operation == Operation.RESTART and not any(step.action == Action.STOP for step in undone):
        operation = Operation.START
    # What was restarted because it was running is to run again, asked for or not.
    wanted = left if job.operation == Operation.RESTART else [name for name in left if name in job.targets] or left
    return Rest(operation, tuple(wanted), undone[0].container, tuple(done))


def resume(actor: Actor, job: Job) -> Job:
    """Queue the rest of `job` as a new job that points to it.

    Judged as if it were asked for now. Raises Conflict when there is no rest, and what the operation itself raises.
    """
    access.require_act(actor)
    rest = rest_of(job, list(job.steps.all()))
    if rest is None:
        raise Conflict(f"Job {job.pk} has no rest that could be done", resolution="Ask for the whole again.")
    return operations.request(actor, rest.operation, rest.targets, _inputs(job, rest), retry_of=job)


def _is_done(step: Step) -> bool:
    was_needless = step.action == Action.SKIP and step.state == StepState.SKIPPED
    return step.state == StepState.SUCCEEDED or was_needless


def _names(steps: Iterable[Step]) -> list[str]:
    return list(dict.fromkeys(step.container for step in steps if step.container))


def _inputs(job: Job, rest: Rest) -> dict[str, Any]:
    """Return the inputs that still are about something: volumes of what is destroyed already went with it."""
    if rest.operation != Operation.DESTROY:
        return dict(job.inputs) if rest.operation == job.operation else {}
    mounts = Mount.objects.filter(container__in=hosts.containers(), container__name__in=rest.targets)
    kept = set(mounts.values_list("volume", flat=True))
    volumes = [volume for volume in job.inputs.get("volumes", []) if volume in kept]
    return {"volumes": volumes} if volumes else {}
