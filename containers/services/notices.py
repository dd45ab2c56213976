"""What somebody is told of his own jobs: that they ended, until he has seen it. Derived from the jobs themselves.

Told of is every job that went wrong, by whichever way it was asked for, and of what went well what was asked for in the panel:
a script that asks for a start every minute waits for its answers itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils import timezone

from containers.choices import ENDED_JOB_STATES, JobState, Via
from containers.models import Job
from containers.querysets import JobQuerySet
from containers.services import hosts, sight

BAD: Final = (JobState.FAILED, JobState.ERRORED, JobState.LOST)
# How long what went well is worth a look; what went wrong is until it was seen.
GOOD_FOR: Final = timedelta(days=1)


@dataclass(frozen=True)
class Unread:
    """How many notices have not been read, and how many of them are of jobs that went wrong."""

    count: int = 0
    bad: int = 0


def of(user: User) -> JobQuerySet:
    """Return the jobs that `user` is told of, newest first, read or not."""
    return sight.jobs().filter(Q(state__in=BAD) | Q(state__in=ENDED_JOB_STATES, via=Via.WEB), user=user)


def unread(user: User) -> JobQuerySet:
    """Return those that have not been read."""
    return of(user).filter(Q(state__in=BAD) | Q(ended_at__gt=timezone.now() - GOOD_FOR), read_at=None)


def count_unread(user: User) -> Unread:
    """Count them; one query, on the path of every page."""
    counts = unread(user).order_by().aggregate(count=Count("pk"), bad=Count("pk", filter=Q(state__in=BAD)))
    return Unread(**counts)


def mark_read(user: User, jobs: Collection[int] | None = None) -> int:
    """Note that `user` has seen the notices of `jobs`, or all of his; others' are not touched. Repeating it is safe."""
    rows = Job.objects.filter(user=user, state__in=ENDED_JOB_STATES, read_at=None)
    if jobs is not None:
        rows = rows.filter(pk__in=[number for number in jobs if 0 < number <= hosts.MAX_ID])
    return rows.update(read_at=timezone.now())
