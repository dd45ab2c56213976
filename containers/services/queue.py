"""Writes a job's rows and rings for the worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from django.db import transaction

from containers.domain.states import Operation
from containers.jobs.queue import ring
from containers.models import Container, Host, Job, JobContainer
from containers.services import audit, events, hosts
from containers.services.actor import Actor


def queue(
    actor: Actor,
    operation: Operation,
    targets: Sequence[str],
    inputs: Mapping[str, Any],
    containers: Collection[str] = (),
    *,
    host: Host | None = None,
    retry_of: Job | None = None,
) -> Job:
    """Write a job for the worker and ring for it on commit; judges nothing: `operations.request` and its like do.

    `containers` are the names under which the job is listed: all that it reads or changes.
    On the path of a click: five queries for the job, its containers, their last job and the event, and one for the host.
    """
    with transaction.atomic():
        host = host or hosts.current()
        job = _write(actor, Job(host=host, operation=operation, targets=list(targets), inputs=dict(inputs), retry_of=retry_of))
        JobContainer.objects.bulk_create(JobContainer(job=job, name=name) for name in sorted(containers))
        if own := set(targets) & set(containers):
            Container.objects.filter(host=host, name__in=own).update(last_job=job)
        audit.record(actor, "job.queue", ", ".join(targets), {"operation": operation, **_about(job)}, job)
        transaction.on_commit(partial(ring, job))
        events.publish_job(job)
    return job


def _write(actor: Actor, job: Job) -> Job:
    job.user = actor.user
    job.user_name = actor.user_name
    job.remote_address = actor.remote_address
    job.via = actor.via
    job.save(force_insert=True)
    return job


def _about(job: Job) -> dict[str, Any]:
    about: dict[str, Any] = {"targets": job.targets}
    if job.inputs:
        about["inputs"] = job.inputs
    if job.retry_of_id:
        about["retry_of"] = job.retry_of_id
    return about
