"""The job boundary: from a number in the queue to a handler, under locks, with an outcome whatever happens."""

from __future__ import annotations

import logging
import traceback
from contextlib import ExitStack

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from containers.choices import PENDING_JOB_STATES, JobState, Via
from containers.errors import Cancelled, Forbidden, InvalidRequest, SpocError
from containers.host.locks import Busy, Locks
from containers.jobs import queue, reaper
from containers.jobs.cancel import CancelWatch
from containers.jobs.handlers import HANDLERS, Handler
from containers.jobs.journal import Journal, find_job
from containers.models import Job
from containers.services import access, audit
from containers.services.actor import Actor

logger = logging.getLogger(__name__)


def run_job(job_id: int) -> None:
    """Run the job of that id if it is still to be run; safe to call twice, also at the same time.

    Never raises: what goes wrong stands in the job's row.
    """
    close_old_connections()
    locks = Locks(settings.RUN_DIR)
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.hold_job(job_id))
        except Busy:
            return
        job = find_job(job_id, PENDING_JOB_STATES)
        if job is None or job.host.name != settings.HOST:
            return
        _run(job, locks)
    if job.has_ended:
        ring_waiting(job)


def record_refusal(reason: str) -> None:
    """Keep a record of a queue entry that was not run."""
    logger.warning("refused a queue entry: %s", reason)
    audit.record(Actor(None, Via.SYSTEM, None), "queue.refuse", settings.QUEUE, {"reason": reason})


def ring_waiting(ended: Job) -> None:
    """Ring for the jobs that wait, oldest first: `ended` may have held what they need."""
    waiting = Job.objects.to_ring().filter(host=ended.host_id, state=JobState.WAITING)
    for job in waiting.order_by("id"):
        queue.ring(job)


def _run(job: Job, locks: Locks) -> None:
    journal = Journal(job)
    try:
        _authorise(job)
        handler = _handler(job, journal)
        with ExitStack() as stack:
            if not _lock(handler, journal, locks, stack) or not journal.begin():
                return
            stack.enter_context(handler.cancel.active())
            handler.run()
    except Cancelled as error:
        journal.end(JobState.CANCELLED, error.brief)
    except SpocError as error:
        journal.end(JobState.FAILED, str(error), error.details or error.brief)
    except DatabaseError as error:
        logger.exception("job %s", job.pk)
        reaper.break_off(job, JobState.FAILED, f"the database did not answer: {error}", traceback.format_exc())
    except Exception:
        logger.exception("job %s", job.pk)
        reaper.break_off(job, JobState.ERRORED, "this is a bug in spocweb", traceback.format_exc())
    else:
        journal.end(JobState.SUCCEEDED)


def _handler(job: Job, journal: Journal) -> Handler:
    if job.operation not in HANDLERS:
        raise InvalidRequest.of("operation", f"{job.operation[:40]!r} is nothing that the worker does")
    return HANDLERS[job.operation](job, journal, CancelWatch(job))


def _authorise(job: Job) -> None:
    """Refuse what nobody stands behind; what exactly he may is asked when it is known what is to be changed (`Handler.run`)."""
    if job.user is None:
        if job.via not in access.ROOT_VIA:
            raise Forbidden(f"the account {job.user_name or 'that asked'} is gone")
        return
    access.require_somewhere(job.user, "view")


def _lock(handler: Handler, journal: Journal, locks: Locks, stack: ExitStack) -> bool:
    """Take the locks of all that the job reads or changes; False when it has to wait.

    The row says that it waits before the last try: who lets go of a lock looks for waiting rows afterwards, so
    one of the two always sees the other.
    """
    waits = False
    while True:
        names = handler.scope()
        try:
            held = locks.try_acquire(sorted(names), f"job {handler.job.pk}")
        except Busy as busy:
            if waits or not journal.wait(f"{busy.holder or 'another job'} is changing {busy.name}"):
                return False
            waits = True
            continue
        if handler.scope() == names:
            stack.enter_context(held)
            return True
        # The graph changed between the look and the lock.
        held.release()
