"""The list of jobs, and one job: its steps, commands and output; cancel and retry."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.choices import Cancel, Operation
from containers.errors import NotFound, SpocError
from containers.forms.queries import JobQuery
from containers.models import Command, Job
from containers.querysets import JobQuerySet
from containers.services import jobs as service
from containers.services import notices, records, resuming, sight
from containers.services.entry import ACT, SEE
from containers.services.typed import Typed
from containers.views import job_filters
from containers.views.access import Request, actor_of, get_job, opens_to
from containers.views.job_page import JobPage
from containers.views.job_steps import ShownCommand
from containers.views.patches import Wanted

PAGE_SIZE: Final = 50
PLAIN_TEXT: Final = "text/plain; charset=utf-8"


@require_GET
@opens_to(SEE)
def job_list(request: Request) -> HttpResponse:
    query = JobQuery.of(request.GET)
    page = page_of(request, query.apply(sight.jobs()))
    if wanted := Wanted.of(request):
        jobs = [job for job in page.object_list if job.pk in wanted]
        return render(request, "jobs/_patch.html", {"jobs": jobs})
    total, chips = job_filters.chips(query, sight.jobs())
    filters = {"total": total, "chips": chips, "applied": job_filters.applied(query), "operations": Operation.choices}
    return render(request, "jobs/list.html", {"section": "jobs", "query": query, "jobs": page, **filters})


@require_GET
@opens_to(SEE)
def job_detail(request: Request, number: int) -> HttpResponse:
    job = get_job(request, number, sight.jobs().select_related("retry_of"))
    wanted = Wanted.of(request)
    if job.has_ended and job.user_id == request.user.pk and job.read_at is None:
        notices.mark_read(request.user, [job.pk])
    page = JobPage(job, wanted)
    if wanted:
        steps = [step for step in page.steps if step.number in wanted]
        return render(request, "jobs/_live.html", {"page": page, "job": job, "wanted": steps})
    return render(request, "jobs/detail.html", {"section": "jobs", "page": page, "job": job})


@require_GET
@opens_to(SEE)
def job_text(request: Request, number: int) -> StreamingHttpResponse:
    """The whole record as text."""
    job = get_job(request, number)
    return StreamingHttpResponse(records.lines(job), content_type=PLAIN_TEXT)


@require_GET
@opens_to(SEE)
def support(request: Request, number: int) -> StreamingHttpResponse:
    """The record with facts of the host and without secrets, to be kept and passed on."""
    job = get_job(request, number, sight.jobs().select_related("host"))
    records.take(actor_of(request), job)
    headers = {"Content-Disposition": f'attachment; filename="spocweb-job-{job.pk}.txt"'}
    return StreamingHttpResponse(records.support(job), content_type=PLAIN_TEXT, headers=headers)


@require_GET
@opens_to(SEE)
def output(request: Request, number: int, command: int) -> HttpResponse:
    """Lines of a command before those that the page of its job has: for that page, or as a page of their own."""
    job = get_job(request, number)
    row = Command.objects.filter(step__job=job, pk=command).select_related("step").first()
    if row is None:
        raise NotFound(f"Job {job.pk} has no such command")
    shown = ShownCommand.before(row, Typed.of(job).argv(row, row.step.container), _line_number(request))
    template = "jobs/_lines.html" if request.htmx else "jobs/output.html"
    return render(request, template, {"section": "jobs", "job": job, "command": shown})


@require_POST
@opens_to(ACT)
def cancel(request: Request, number: int) -> HttpResponse:
    job = get_job(request, number)
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
@opens_to(ACT)
def retry(request: Request, number: int) -> HttpResponse:
    job = get_job(request, number)
    again = resuming.resume if request.POST.get("what") == "rest" else service.retry
    try:
        return redirect(again(actor_of(request), job))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect(job)


def _line_number(request: Request) -> int:
    text = request.GET.get("before", "")
    # More than a job can have: its end.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 2**31 - 1


def page_of(request: Request, jobs: JobQuerySet) -> Page[Job]:
    """Return the page of `jobs` that the request asks for; what a list does not show is not loaded."""
    return Paginator(jobs.defer("error", "revisions"), PAGE_SIZE).get_page(request.GET.get("page", "1"))
