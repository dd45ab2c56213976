"""The page of components: every part that pages are made of, shown by the pages' own fragments, in one place."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from containers.choices import JobState
from containers.forms.queries import ACTIVE
from containers.services import hosts
from containers.services.entry import USERS
from containers.views import samples, states
from containers.views.access import Request, opens_to
from containers.views.job_filters import Applied, Chip


@require_GET
@opens_to(USERS)
def styleguide(request: Request) -> HttpResponse:
    host, now = hosts.current(), timezone.now()
    page = samples.job_page(host, now)
    context = {
        "section": "styleguide",
        "is_sample": True,
        "container_badges": states.CONTAINER_BADGES,
        "job_badges": states.JOB_BADGES.values(),
        "step_badges": states.STEP_BADGES.values(),
        "jobs": samples.jobs(host, now),
        "page": page,
        "job": page.job,
        "changes": samples.changes(),
        "old": {"number": 2},
        "new": {"number": 3},
        "plan": samples.plan(),
        "notices": samples.notices(),
        "meters": (58, 86, 97),
        "form": samples.SampleForm.filled(),
    }
    return render(request, "styleguide.html", context | _chips())


def _chips() -> dict[str, object]:
    shown = [Chip(ACTIVE, "Not ended", "dot", "move", 2, is_current=False)]
    for state in (JobState.FAILED, JobState.SUCCEEDED):
        badge = states.JOB_BADGES[state]
        shown.append(Chip(state, badge.word, badge.glyph, badge.ink, 7, is_current=state == JobState.FAILED))
    return {"chips": shown, "total": 16, "applied": [Applied("container", "Container", "wiki")], "query": {"state": "failed"}}
