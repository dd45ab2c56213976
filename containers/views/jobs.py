"""The list of jobs, and one job: its steps, commands and output; cancel and retry."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.choices import Cancel, JobState, Operation
from containers.errors import SpocError
from containers.forms.queries import ACTIVE, JobQuery
from containers.models import Job
from containers.querysets import JobQuerySet
from containers.services import hosts
from containers.services import jobs as service
from containers.views.access import Request, actor_of, get_job, require
from containers.views.job_page import JobPage
from containers.views.patches import Wanted

PAGE_SIZE: Final = 50


@require_GET
@login_required
def job_list(request: Request) -> HttpResponse:
    require(request, "view")
    query = JobQuery.of(request.GET)
    page = page_of(request, query.apply(hosts.jobs()))
    if wanted := Wanted.of(request):
        jobs = [job for job in page.object_list if job.pk in wanted]
        return render(request, "jobs/_patch.html", {"jobs": jobs})
    choices = {"operations": Operation.choices, "states": [(ACTIVE, _("Not ended")), *JobState.choices]}
    return render(request, "jobs/list.html", {"section": "jobs", "query": query, "jobs": page, **choices})


@require_GET
@login_required
def job_detail(request: Request, number: int) -> HttpResponse:
    job = get_job(request, number, "view", hosts.jobs().select_related("retry_of"))
    page = JobPage(job)
    if wanted := Wanted.of(request):
        steps = [step for step in page.steps if step.number in wanted]
        return render(request, "jobs/_live.html", {"page": page, "job": job, "wanted": steps})
    return render(request, "jobs/detail.html", {"section": "jobs", "page": page, "job": job})


@require_GET
@login_required
def job_text(request: Request, number: int) -> HttpResponse:
    """The whole record as text."""
    job = get_job(request, number, "view", hosts.jobs().with_journal())
    return render(request, "jobs/record.txt", {"job": job}, content_type="text/plain; charset=utf-8")


@require_POST
@login_required
def cancel(request: Request, number: int) -> HttpResponse:
    job = get_job(request, number, "operate")
    how = Cancel.NOW if request.POST.get("how") == Cancel.NOW else Cancel.NEXT
    try:
        job = service.cancel(actor_of(request), job, how)
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect(job)
    if not job.has_ended:
        messages.info(request, _("The job was asked to end."))
    return redirect(job)


@require_POST
@login_required
def retry(request: Request, number: int) -> HttpResponse:
    job = get_job(request, number, "operate")
    try:
        return redirect(service.retry(actor_of(request), job))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect(job)


def page_of(request: Request, jobs: JobQuerySet) -> Page[Job]:
    """Return the page of `jobs` that the request asks for; what a list does not show is not loaded."""
    return Paginator(jobs.defer("error", "revisions"), PAGE_SIZE).get_page(request.GET.get("page", "1"))
