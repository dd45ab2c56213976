"""What nothing uses, with how much it frees, and its removal."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from containers.errors import SpocError
from containers.services import cleanup as service
from containers.services.entry import IMAGES, VIEW
from containers.views.access import Request, actor_of, opens_to
from containers.views.confirming import require_recent


@require_http_methods(["GET", "POST"])
@opens_to(VIEW, IMAGES)
def clean_up(request: Request) -> HttpResponse:
    if request.method == "GET":
        return render(request, "images/clean_up.html", {"section": "images", "found": service.find(actor_of(request))})
    require_recent(request)
    try:
        return redirect(
            service.request_clean_up(
                actor_of(request),
                layers=request.POST.getlist("layers"),
                uploads=request.POST.getlist("uploads"),
                images=request.POST.getlist("images"),
                leftovers="leftovers" in request.POST,
            )
        )
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("clean-up")
