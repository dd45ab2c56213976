"""One container: overview, LXC configuration and jobs. The other tabs have modules of their own."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.domain.secrecy import masked_config
from containers.errors import InvalidRequest
from containers.services import configs, disclosure, sight, transfer
from containers.services.entry import SEE
from containers.views import activities, charts, differences
from containers.views.access import Request, actor_of, get_container, opens_to
from containers.views.jobs import page_of
from containers.views.page import ContainerPage
from containers.views.patches import Wanted
from containers.views.use import Use

LAST_JOBS = 5


@require_GET
@opens_to(SEE)
def overview(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    use = Use(container, charts.span_of(request.GET.get("span")))
    if request.GET.get("part") == "table":
        return render(request, "containers/_use_table.html", {"use": use})
    page = ContainerPage.load(request, container, "overview")
    jobs = sight.jobs().filter(containers__name=name)[:LAST_JOBS]
    context = page.context | {
        "pending": differences.pending(container),
        "beyond": sight.beyond(name),
        "needs": _neighbours(page.graph.needs(name)),
        "needed_by": _neighbours(page.graph.needed_by(name)),
        "jobs": jobs,
        "use": use,
    }
    return render(request, "containers/_overview_live.html" if Wanted.of(request) else "containers/overview.html", context)


@require_GET
@opens_to(SEE)
def config(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    page = ContainerPage.load(request, container, "config")
    try:
        # On a screen that others see, too: hidden whoever looks.
        lines = [line.partition(" = ") for line in masked_config(configs.preview(container)).splitlines()]
    except InvalidRequest as error:
        return render(request, "containers/config.html", page.context | {"error": error}, status=error.status)
    return render(request, "containers/config.html", page.context | {"lines": lines})


@require_GET
@opens_to(SEE)
def jobs(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    page = ContainerPage.load(request, container, "jobs")
    context = {"jobs": page_of(request, sight.jobs().filter(containers__name=name)), "job_url": "container-jobs"}
    return render(request, "containers/jobs.html", page.context | context)


@require_GET
@opens_to(SEE)
def export(request: Request, name: str) -> HttpResponse:
    """One container as a document that the import takes."""
    container = get_container(request, name, "view")
    transfer.take(actor_of(request), name)
    data = disclosure.data_of(container)
    document: dict[str, Any] = {"containers": {name: data.pop("definition")}}
    del data["name"]
    if data:
        document["settings"] = {name: data}
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return _attachment(f"{text}\n", "application/json", f"{name}.json")


def _attachment(text: str, content_type: str, filename: str) -> HttpResponse:
    # A container's name is made of letters, digits and "-" only.
    return HttpResponse(text, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{filename}"'})


def _neighbours(names: tuple[str, ...]) -> list[activities.Shown]:
    rows = sight.containers().filter(name__in=names).select_related("last_job")
    return activities.show(rows) if names else []
