"""The bell: one's own jobs that ended, read and unread."""

from __future__ import annotations

from typing import Final

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from containers.services import notices
from containers.services.entry import SEE
from containers.views.access import Request, opens_to

PAGE_SIZE: Final = 50


@require_GET
@opens_to(SEE)
def notification_list(request: Request) -> HttpResponse:
    jobs = notices.of(request.user).defer("error", "revisions")
    page = Paginator(jobs, PAGE_SIZE).get_page(request.GET.get("page", "1"))
    unread = set(notices.unread(request.user).filter(pk__in=[job.pk for job in page]).values_list("pk", flat=True))
    return render(request, "notifications/list.html", {"section": "notifications", "jobs": page, "unread": unread})


@require_GET
@opens_to(SEE)
def toast(request: Request, number: int) -> HttpResponse:
    """What pops up when a job of one's own has ended; nothing for what nobody is told of."""
    job = notices.unread(request.user).filter(pk=number).first()
    return render(request, "notifications/_toast.html", {"job": job}) if job else HttpResponse()


@require_POST
@opens_to(SEE)
def mark_read(request: Request) -> HttpResponse:
    """Those that are named, or all."""
    named = [int(text) for text in request.POST.getlist("job") if text.isascii() and text.isdigit() and len(text) < 19]
    notices.mark_read(request.user, named if "job" in request.POST else None)
    return render(request, "shell/_bell.html") if request.htmx else redirect("notification-list")
