"""Jobs as rows: queued, cancelled, asked for once more. What a job does stands in `containers.jobs`."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from containers.choices import PENDING_JOB_STATES, Cancel, JobState
from containers.domain.states import Operation
from containers.domain.text import shown
from containers.errors import Conflict, InvalidRequest
from containers.models import Job, Layer
from containers.services import (
    access,
    app_requests,
    app_sources,
    audit,
    events,
    image_imports,
    job_ends,
    layers,
    operations,
    repositories,
)
from containers.services.actor import Actor
from containers.services.queue import queue

__all__ = ["cancel", "queue", "retry"]


def cancel(actor: Actor, job: Job, how: Cancel) -> Job:
    """Ask for the end of `job`: at once where it has not begun, otherwise before its next step, or now.

    Repeating it is safe; `now` after `next` hurries, `next` after `now` changes nothing. Raises Conflict when it has ended.
    """
    access.require_somewhere(actor, "view")
    _require(actor, job)
    with transaction.atomic():
        is_cancelled = _cancel_pending(actor, job, how) or _cancel_running(job, how)
        job.refresh_from_db()
        if not is_cancelled:
            raise Conflict(f"Job {job.pk} has ended already: it is {job.state}")
        audit.record(actor, "job.cancel", f"job {job.pk}", {"how": how}, job)
        if job.has_ended:
            job_ends.record(job)
        events.publish_job(job)
    return job


def retry(actor: Actor, job: Job) -> Job:
    """Ask for the same once more; the new job points to the old one.

    Judged as if it were asked for now. Raises Conflict while `job` has not ended, and what the operation itself raises.
    """
    _require(actor, job)
    if not job.has_ended:
        raise Conflict(f"Job {job.pk} has not ended yet: it is {job.state}")
    if job.operation not in list(Operation):
        raise InvalidRequest.of("operation", f"{shown(job.operation)} is nothing that can be asked for")
    operation = Operation(job.operation)
    if operation in operations.REQUESTED:
        return operations.request(actor, operation, job.targets, job.inputs, retry_of=job)
    if operation in app_requests.APP_OPERATIONS:
        return app_requests.repeat(actor, job)
    if operation == Operation.LAYER_IMPORT:
        return layers.repeat_import(actor, job)
    if operation == Operation.LAYER_COMMIT:
        return layers.repeat_commit(actor, job)
    if operation == Operation.IMAGE_BUILD:
        # The container that it was built in is gone.
        return queue(actor, operation, job.targets, job.inputs, host=job.host, retry_of=job)
    if operation == Operation.LAYER_BOOTSTRAP:
        return layers.repeat_bootstrap(actor, job)
    if operation == Operation.IMAGE_IMPORT:
        return image_imports.repeat_import(actor, job)
    if operation == Operation.IMAGE_FETCH:
        return repositories.repeat_fetch(actor, job)
    if operation == Operation.CATALOGUE_FETCH:
        return app_sources.repeat_fetch(actor, job)
    if operation == Operation.CATALOGUE_PUBLISH:
        return app_sources.request_publication(actor, str(job.targets[0]), retry_of=job)
    return queue(actor, operation, job.targets, job.inputs, _containers(job), host=job.host, retry_of=job)


def _require(actor: Actor, job: Job) -> None:
    """Raise Refused unless `actor` may have done what `job` does; of what is no operation, only who may do anything."""
    if job.operation in app_requests.APP_OPERATIONS:
        app_requests.require_job(actor, job)
        return
    if job.operation == Operation.BACKUP_REMOVE:
        app_requests.require_backup(actor, _first_target(job))
        return
    operation = Operation(job.operation) if job.operation in list(Operation) else Operation.TIDY
    inputs = job.inputs if isinstance(job.inputs, dict) else {}
    access.require_job(actor, operation, inputs, _containers(job), ())


def _first_target(job: Job) -> str:
    return str(job.targets[0]) if isinstance(job.targets, list) and job.targets else ""


def _containers(job: Job) -> list[str]:
    return list(job.containers.values_list("name", flat=True))


def _cancel_pending(actor: Actor, job: Job, how: Cancel) -> bool:
    reason = f"cancelled by {actor.user_name or actor.via} before it began"
    pending = Job.objects.filter(pk=job.pk, state__in=PENDING_JOB_STATES)
    if pending.update(state=JobState.CANCELLED, cancel=how, reason=reason, ended_at=timezone.now()) != 1:
        return False
    # The name of the layer that it was going to make is free again.
    Layer.objects.filter(job=job, is_available=False).delete()
    return True


def _cancel_running(job: Job, how: Cancel) -> bool:
    running = Job.objects.filter(pk=job.pk, state=JobState.RUNNING)
    if how == Cancel.NEXT and running.filter(cancel=Cancel.NOW).exists():
        return True
    return running.update(cancel=how) == 1
