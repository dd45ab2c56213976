"""Volumes: what is on the host, who mounts it, what is missing; measured and removed by jobs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.choices import Operation
from containers.errors import Conflict, SpocError
from containers.forms.confirm import ConfirmForm
from containers.services import hosts, sight, volumes
from containers.services.entry import DESTROY_ALL, OPERATE_ALL, VIEW
from containers.views.access import Request, actor_of, opens_to
from containers.views.confirming import require_recent
from containers.views.patches import Wanted

# What can be chosen in the URL, beside all.
FILTERS = ("used", "unused", "missing")


@require_GET
@opens_to(VIEW)
def volume_list(request: Request) -> HttpResponse:
    listed = volumes.listing()
    chosen = request.GET.get("show", "")
    groups = {
        "": listed,
        "used": [volume for volume in listed if volume.row and volume.uses],
        "unused": [volume for volume in listed if volume.is_orphan],
        "missing": [volume for volume in listed if volume.is_missing],
    }
    context: dict[str, Any] = {
        "section": "volumes",
        "volumes": groups.get(chosen, listed),
        "chosen": chosen if chosen in FILTERS else "",
        "counts": {name: len(group) for name, group in groups.items() if name},
        "count": len(listed),
        "total_bytes": sum(volume.row.size_bytes or 0 for volume in listed if volume.row),
        "unmeasured": sum(volume.row.size_bytes is None for volume in listed if volume.row),
        "host": hosts.current(),
        "measuring": sight.jobs().active().filter(operation=Operation.VOLUME_SCAN).first(),
    }
    return render(request, "volumes/_list.html" if Wanted.of(request) else "volumes/list.html", context)


@require_POST
@opens_to(OPERATE_ALL)
def measure(request: Request) -> HttpResponse:
    return redirect(volumes.request_scan(actor_of(request)))


@require_http_methods(["GET", "POST"])
@opens_to(DESTROY_ALL)
def remove(request: Request, name: str) -> HttpResponse:
    volume = volumes.get(name)
    require_recent(request)
    form = ConfirmForm(request.POST if request.method == "POST" else None, name=name)
    error = _refusal(name)
    if error is None and form.is_bound and form.is_valid():
        try:
            return redirect(volumes.request_remove(actor_of(request), volume))
        except SpocError as refused:
            messages.error(request, str(refused), extra_tags="bad")
            return redirect("volume-list")
    context = {"section": "volumes", "volume": volume, "form": form, "error": error}
    status = error.status if error and form.is_bound else 422 if form.errors else 200
    template = "volumes/_remove.html" if request.htmx else "volumes/remove.html"
    return render(request, template, context, status=status)


def _refusal(name: str) -> Conflict | None:
    """Return what forbids the removal, so that the page says so before anything is typed."""
    try:
        volumes.check_unused(name)
    except Conflict as error:
        return error
    return None
