"""How long the output of jobs is kept. Jobs, steps and commands stay on record; only lines of output go, the oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min
from django.utils import timezone

from containers.choices import ENDED_JOB_STATES, EventKind, Via
from containers.models import Host, Job, Line
from containers.querysets import JobQuerySet
from containers.services import audit
from containers.services.actor import Actor

# Lines removed in one transaction: with SQLite nobody else writes meanwhile, some 20 ms.
BATCH: Final = 5_000


@dataclass(frozen=True)
class Limits:
    """`days` after its end a job's output goes; before that, when there are more than `lines` on the host."""

    days: int
    lines: int

    @classmethod
    def configured(cls) -> Limits:
        """Return what the settings say."""
        return cls(settings.JOURNAL_DAYS, settings.JOURNAL_LINES)


def sweep(host: Host, limits: Limits) -> Iterator[int]:
    """Remove the lines that are not to be kept, batch by batch, and yield how many each batch had.

    Between two batches whoever calls may do something else; what is left undone is done by the next sweep. A job says
    itself how many of its lines are gone. Jobs that have not ended are never touched.
    """
    for job in _ended(host).filter(ended_at__lt=timezone.now() - timedelta(days=limits.days)):
        yield from _clear(job)
    excess = Line.objects.filter(job__host=host).count() - limits.lines
    for job in _ended(host) if excess > 0 else ():
        for removed in _clear(job):
            excess -= removed
            yield removed
        if excess <= 0:
            return


def _ended(host: Host) -> JobQuerySet:
    """Return the jobs that may have lines to remove, oldest first: those before the oldest line have none."""
    oldest = Line.objects.aggregate(job=Min("job"))["job"]
    return Job.objects.filter(host=host, state__in=ENDED_JOB_STATES, pk__gte=oldest or 0).order_by("pk").only("pk")


def _clear(job: Job) -> Iterator[int]:
    while removed := _remove_batch(job):
        yield removed


def _remove_batch(job: Job) -> int:
    lines = Line.objects.filter(job=job)
    with transaction.atomic():
        after = lines.order_by("number").values_list("number", flat=True)[BATCH : BATCH + 1].first()
        removed, _by_model = (lines if after is None else lines.filter(number__lt=after)).delete()
        if removed:
            Job.objects.filter(pk=job.pk).update(swept_lines=F("swept_lines") + removed, swept_at=timezone.now())
            audit.record(Actor(None, Via.SYSTEM), EventKind.JOB_SWEEP, f"job {job.pk}", {"lines": removed}, job)
    return removed
