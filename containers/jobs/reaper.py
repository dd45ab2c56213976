"""Finds jobs whose process vanished and jobs that Redis forgot, from the rows alone."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from containers.choices import (
    ACTIVE_JOB_STATES,
    PENDING_JOB_STATES,
    InstallationState,
    JobState,
    LayerSource,
    StepState,
    TerminalEnding,
    Via,
)
from containers.domain.layout import Layout
from containers.domain.states import Operation
from containers.host.locks import Busy, Locks
from containers.jobs import queue
from containers.jobs.journal import Journal, find_job
from containers.models import Container, Host, Installation, Job, Layer, TerminalSession
from containers.services import app_requests, jobs, new_layers, terminals
from containers.services.actor import Actor
from containers.services.terminals import Outcome

logger = logging.getLogger(__name__)

SYSTEM = Actor(None, Via.SYSTEM, None)
# A removal that failed would fail again at once.
RETRY_S: Final = 60
# What is done by doing it once more, whatever was done already.
GOES_ON: Final = frozenset({Operation.LAYER_REMOVE, Operation.IMAGE_REMOVE, Operation.CLEAN_UP, Operation.BACKUP_REMOVE})


def reap(host: Host) -> list[Job]:
    """Mark the running jobs whose process is gone as lost and queue a look at their containers; return them.

    The kernel is asked, not a heartbeat: a job's process holds the job's file lock as long as it lives.
    """
    locks = Locks(settings.RUN_DIR)
    running = Job.objects.running().filter(host=host).values_list("pk", flat=True)
    lost = [job for job_id in running if not locks.is_job_alive(job_id) and (job := _lose(job_id))]
    if lost:
        ring_pending(host)
    return lost


def _lose(job_id: int) -> Job | None:
    """Write that the job is lost and return it; None when it ended by itself since it was found."""
    job = find_job(job_id, [JobState.RUNNING])
    if job is None:
        return None
    logger.warning("job %s is lost: its process is gone", job.pk)
    break_off(job, JobState.LOST, "its process vanished; the state of its containers was looked up again")
    return job


def break_off(job: Job, state: JobState, reason: str, error: str = "") -> None:
    """Write the end of a job that could not be worked on to its end, and have its containers looked at again."""
    with transaction.atomic():
        interrupted = job.steps.filter(state=StepState.RUNNING).update(state=StepState.LOST, ended_at=timezone.now())
        job.steps.filter(state=StepState.PENDING).update(state=StepState.CANCELLED, note=f"the job was {state}")
        Journal(job).end(state, reason, error)
        if interrupted or state == JobState.LOST:
            _queue_tidy(job)


def _queue_tidy(job: Job) -> None:
    """Queue what brings order after a job, whatever stands in its row: the handler judges it again."""
    targets = [name for name in job.targets if isinstance(name, str)] if isinstance(job.targets, list) else []
    inputs = job.inputs if isinstance(job.inputs, dict) else {}
    # Layers that it announced and that may have got as far as to be there. One that a container is still to be removed
    # from comes later.
    for name in new_layers.unfinished(job).filter(uses=None).values_list("name", flat=True):
        jobs.queue(SYSTEM, Operation.LAYER_REMOVE, [name], {})
    if job.operation == Operation.IMAGE_BUILD:
        clear_builds(job.host)
        return
    if job.operation in app_requests.APP_OPERATIONS:
        clear_builds(job.host)
        mend_installations(job.host)
        return
    if job.operation in GOES_ON and job.via != Via.SYSTEM:
        jobs.queue(SYSTEM, Operation(job.operation), targets, inputs)
        return
    touched = job.containers.values_list("name", flat=True)
    names = sorted(Container.objects.filter(host=job.host_id, name__in=touched).values_list("name", flat=True))
    if names and job.operation != Operation.TIDY:
        jobs.queue(SYSTEM, Operation.TIDY, names, {"after": job.pk}, names)


def clear_builds(host: Host) -> None:
    """Queue the removal of containers that were there for a build which has ended, and of the layers that came of none.

    The rows say it all: a build writes container and layer together, and makes the layer available before the container
    goes. What could not be removed is tried again after a while.
    """
    over = Container.objects.filter(host=host).exclude(build_job=None).exclude(build_job__state__in=ACTIVE_JOB_STATES)
    layers = Layer.objects.filter(host=host, source=LayerSource.BUILD, is_available=False, uses=None)
    for name in over.values_list("name", flat=True):
        _queue_removal(host, Operation.DESTROY, name)
    for name in layers.values_list("name", flat=True):
        _queue_removal(host, Operation.LAYER_REMOVE, name)


def thaw_left(host: Host, layout: Layout) -> None:
    """Queue a look at containers that a job has frozen and could not thaw: what failed once may work a minute later."""
    for name in sorted(path.stem for path in (layout.run_dir / "lxc").glob("*.thaw")):
        is_known = Container.objects.filter(host=host, name=name).exists()
        active = Job.objects.active().filter(host=host, containers__name=name)
        before = timezone.now() - timedelta(seconds=RETRY_S)
        tried = Job.objects.filter(host=host, operation=Operation.TIDY, targets=[name], created_at__gt=before)
        if is_known and not active.exists() and not tried.exists():
            jobs.queue(SYSTEM, Operation.TIDY, [name], {}, [name])


def mend_installations(host: Host) -> None:
    """Queue the mending of installations that a job began to change and did not bring to an end; see `app_mending`."""
    rows = Installation.objects.filter(host=host).exclude(state=InstallationState.INSTALLED)
    for name in rows.exclude(job__state__in=ACTIVE_JOB_STATES).values_list("name", flat=True):
        _queue_removal(host, Operation.APP_MEND, name)


def _queue_removal(host: Host, operation: Operation, name: str) -> None:
    before = timezone.now() - timedelta(seconds=RETRY_S)
    if not Job.objects.filter(host=host, operation=operation, targets=[name], created_at__gt=before).exists():
        jobs.queue(SYSTEM, operation, [name], {}, [name] if operation == Operation.DESTROY else [])


def lose_terminals() -> int:
    """Put an end to the records of terminals whose process is gone; return how many. The kernel is asked here, too."""
    locks = Locks(settings.RUN_DIR)
    lost = [row for row in TerminalSession.objects.open().select_related("user") if not _is_held(locks, row)]
    for row in lost:
        terminals.finish(terminals.owner_of(row), row, Outcome(TerminalEnding.LOST, "its process vanished"))
    return len(lost)


def _is_held(locks: Locks, row: TerminalSession) -> bool:
    try:
        locks.try_acquire([terminals.lock_name(row)], "monitor").release()
    except Busy:
        return True
    return False


def ring_pending(host: Host) -> int:
    """Ring for every job that is still to begin, unless entries wait in Redis already; return how many.

    An entry too many is harmless, so nothing is compared: an empty queue means that what is pending was lost.
    """
    pending = list(Job.objects.to_ring().filter(host=host, state__in=PENDING_JOB_STATES).order_by("id"))
    try:
        return queue.ring_again(host.queue, pending) if pending else 0
    except redis.RedisError as error:
        logger.warning("Redis does not answer: %s", error)
        return 0
