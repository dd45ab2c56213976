"""How long steps have taken: medians of the last runs, for what a plan is expected to take."""

from __future__ import annotations

from collections.abc import Collection
from statistics import median
from typing import Final

from django.db.models import F, Max, Window
from django.db.models.functions import RowNumber

from containers.choices import StepState
from containers.domain.steps import Action
from containers.models import Step
from containers.services import hosts

# Of how many of the last runs the median is taken.
LAST_RUNS: Final = 10
# How far back is looked: the newest steps of all containers, so that the read stays as small in a year as it is today.
NEWEST_STEPS: Final = 20_000
TIMED: Final = (Action.START, Action.WAIT, Action.UNFREEZE, Action.STOP)


def medians(names: Collection[str] | None = None) -> dict[tuple[str, str], float]:
    """Return {(container, action): seconds}, the medians of the last runs that succeeded; what never ran is missing.

    For the containers `names`, or for all. Two queries.
    """
    newest = Step.objects.aggregate(newest=Max("pk"))["newest"] or 0
    rows = Step.objects.filter(pk__gt=newest - NEWEST_STEPS, state=StepState.SUCCEEDED, action__in=[*TIMED], job__in=hosts.jobs())
    if names is not None:
        rows = rows.filter(container__in=names)
    numbered = rows.only("container", "action", "started_at", "ended_at").annotate(
        run=Window(RowNumber(), partition_by=[F("container"), F("action")], order_by=F("pk").desc())
    )
    spans: dict[tuple[str, str], list[float]] = {}
    for row in numbered.filter(run__lte=LAST_RUNS):
        if row.started_at and row.ended_at:
            spans.setdefault((row.container, row.action), []).append((row.ended_at - row.started_at).total_seconds())
    return {key: median(runs) for key, runs in spans.items()}
