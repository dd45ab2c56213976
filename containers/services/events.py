"""Live events: what has just been written is told to whoever looks, over Redis pub/sub.

They carry nothing that the database does not hold: a lost one costs a refresh. `containers.services.stream` receives them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

from containers.jobs import queue
from containers.models import Container, Job

logger = logging.getLogger(__name__)

News = tuple[str, Mapping[str, Any]]


def channel() -> str:
    """Return the name of the pub/sub channel of this host's events."""
    return f"{settings.QUEUE}:events"


def publish(kind: str, data: Mapping[str, Any]) -> None:
    """Tell one event, after the current transaction, if any, has committed."""
    publish_all([(kind, data)])


def publish_all(news: Iterable[News]) -> None:
    """Tell several events in one round trip, after the current transaction, if any, has committed.

    A Redis that does not answer is logged, not raised.
    """
    messages = [json.dumps({"kind": kind, "data": data}) for kind, data in news]
    if messages:
        transaction.on_commit(partial(_send, messages))


def _send(messages: list[str]) -> None:
    try:
        pipeline = queue.connection().pipeline(transaction=False)
        for message in messages:
            pipeline.publish(channel(), message)
        pipeline.execute()
    except redis.RedisError as error:
        logger.warning("%d live events are lost, Redis does not answer: %s", len(messages), error)


def publish_job(job: Job) -> None:
    """Tell what a job's row says."""
    publish("job", {"id": job.pk, **job_data(job)})


def publish_container(container: Container, *, removed: bool = False) -> None:
    """Tell what a container's row says."""
    publish("container", {**container_data(container), **({"removed": True} if removed else {})})


def job_data(job: Job) -> dict[str, Any]:
    """Return the data of a "job" event, without its id."""
    return {
        "operation": job.operation,
        "targets": job.targets,
        "state": job.state,
        "reason": job.reason,
        "user": job.user_name,
    }


def container_data(container: Container) -> dict[str, Any]:
    """Return the data of a "container" event."""
    return {
        "name": container.name,
        "state": container.state,
        "pid": container.pid,
        "address": container.address,
        "pending": container.is_pending,
        "is_ready": container.is_ready,
        "failure": container.failure,
        "job": container.last_job_id,
    }
