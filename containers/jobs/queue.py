"""The doorbell: pushes a job's id to its host's queue. What gets lost is found again in the rows."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

import redis
import rq
from django.conf import settings
from rq.serializers import JSONSerializer

from containers.jobs import gate

if TYPE_CHECKING:
    from containers.models import Job

logger = logging.getLogger(__name__)


@cache
def connection() -> redis.Redis:
    """Return this process' connection pool to Redis."""
    # Without driver_info, redis-py would look up its own version and tell the server, at every connection.
    return redis.Redis.from_url(settings.REDIS_URL, driver_info=None)


def queue(name: str) -> rq.Queue:
    """Return the queue of that name, with the gate's classes."""
    return rq.Queue(name, connection=connection(), job_class=gate.Job, serializer=JSONSerializer)


def ring(job: Job) -> None:
    """Tell the worker of `job`; call it after the row is committed, as often as wanted.

    A Redis that does not answer is logged, not raised: the row is there, and the next tick rings again.
    """
    try:
        queue(job.host.queue).enqueue_call(gate.FUNCTION, args=(job.pk,), timeout=-1, result_ttl=0, failure_ttl=3600)
    except redis.RedisError as error:
        logger.warning("job %s waits in the database, Redis does not answer: %s", job.pk, error)


def rung(name: str) -> int:
    """Return how many entries wait in the queue of that name. Raises redis.RedisError."""
    return int(queue(name).count)
