"""What stands around every page: navigation with counts, the host, and the strip of jobs at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_GET

from containers.choices import ACTIVE_JOB_STATES, JobState, StepState
from containers.models import Host, Job, Step
from containers.services import notices, sight
from containers.services.entry import SEE
from containers.services.notices import Unread
from containers.views.access import Request, opens_to
from containers.views.account import chosen_language, chosen_theme
from containers.views.may import May

# More are counted as "100+".
MOST_JOBS = 100


@dataclass(frozen=True)
class Shell:
    """Three queries, made when a template asks."""

    host: Host | None
    container_count: int
    active: list[Job]
    last_ended: Job | None
    may_view: bool
    may_operate: bool
    may_audit: bool
    may: May
    unread: Unread = Unread()

    @property
    def running(self) -> list[Job]:
        return [job for job in self.active if job.state == JobState.RUNNING]

    @property
    def active_text(self) -> str:
        return f"{MOST_JOBS}+" if len(self.active) > MOST_JOBS else str(len(self.active))

    @property
    def current(self) -> Job | None:
        """The job that the strip is about: the newest that runs, or else the newest that waits."""
        return next(iter(self.running or self.active), None)


def context(request: HttpRequest) -> dict[str, Any]:
    """Context processor; pages of errors and sign-in have it too, and need not use it."""
    return {
        "shell": SimpleLazyObject(lambda: _load(request)),
        "theme": chosen_theme(request),
        "language": chosen_language(request),
        "languages": settings.LANGUAGES,
    }


@require_GET
@opens_to(SEE)
def strip(request: Request) -> HttpResponse:
    return render(request, "shell/_strip.html", {"places": ("side", "phone")})


def _load(request: HttpRequest) -> Shell:
    user = request.user
    may = May(user)
    if not may["view"]:
        return Shell(None, 0, [], None, may_view=False, may_operate=False, may_audit=may["audit"], may=may)
    host = Host.objects.filter(name=settings.HOST).annotate(container_count=Count("containers")).first()
    jobs = list(_jobs()[: MOST_JOBS + 1])
    active = [job for job in jobs if job.state in ACTIVE_JOB_STATES]
    ended = next((job for job in jobs if job.state not in ACTIVE_JOB_STATES), None)
    count = sight.containers().count() if not may["view_all"] else host.container_count if host else 0
    unread = notices.count_unread(user) if isinstance(user, User) else Unread()
    return Shell(
        host,
        count,
        active,
        ended,
        may_view=True,
        may_operate=may["operate"],
        may_audit=may["audit"],
        may=may,
        unread=unread,
    )


def _jobs() -> Any:
    """All that have not ended, and the newest that has, each with what its running step does."""
    ended = sight.jobs().exclude(state__in=ACTIVE_JOB_STATES).order_by("-pk").values("pk")[:1]
    running = Step.objects.filter(job=OuterRef("pk"), state=StepState.RUNNING).order_by("-number")
    failed = Step.objects.filter(job=OuterRef("pk"), state=StepState.FAILED)
    return (
        sight.jobs()
        .filter(Q(state__in=ACTIVE_JOB_STATES) | Q(pk=Subquery(ended)))
        .annotate(
            step_container=Subquery(running.values("container")[:1]),
            step_note=Subquery(running.values("note")[:1]),
            failed_steps=Subquery(failed.order_by().values("job").annotate(n=Count("pk")).values("n")),
        )
    )
