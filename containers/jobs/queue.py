"""The doorbell: pushes a job's id to its host's queue. What gets lost is found again in the rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

import redis
import rq
from django.conf import settings
from rq.serializers import JSONSerializer

from containers.jobs import gate

if TYPE_CHECKING:
    from containers.models import Job

logger = logging.getLogger(__name__)

# A few for every job that is still to begin are many; a flood would have to be looked at entry by entry.
MAX_ENTRIES: Final = 10_000


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
        _push(job)
    except redis.RedisError as error:
        logger.warning("job %s waits in the database, Redis does not answer: %s", job.pk, error)


def _push(job: Job) -> None:
    queue(job.host.queue).enqueue_call(gate.FUNCTION, args=(job.pk,), timeout=-1, result_ttl=0, failure_ttl=3600)


def ring_again(name: str, jobs: Sequence[Job]) -> int:
    """Ring for all jobs of the queue of that name, unless entries wait there already; return for how many.

    For root alone: whoever may ring could also write what keeps the bell from ringing (a key of another kind, entries
    until the memory is full). That is removed, since nothing in Redis is ever missed. Raises redis.RedisError.
    """
    try:
        waiting = rung(name)
        if waiting <= MAX_ENTRIES:
            return 0 if waiting else _push_all(jobs)
        reason = f"{waiting} entries wait"
    except redis.ResponseError as error:
        reason = str(error)
    logger.warning("Redis is emptied, since what is there keeps jobs from beginning: %s", reason)
    _clear(name)
    return _push_all(jobs)


def _push_all(jobs: Sequence[Job]) -> int:
    for job in jobs:
        _push(job)
    return len(jobs)


def _clear(name: str) -> None:
    # Another Redis may hold what is not the panel's: there nothing goes but the queue itself.
    if settings.HAS_PRIVATE_REDIS:
        connection().flushall()
    else:
        connection().unlink(queue(name).key)


def rung(name: str) -> int:
    """Return how many entries wait in the queue of that name. Raises redis.RedisError."""
    return int(queue(name).count)
