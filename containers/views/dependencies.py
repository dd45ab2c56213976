"""Who needs whom: the whole graph with simulations, and the surroundings of one container."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from containers.forms.queries import GraphQuery
from containers.services.entry import SEE
from containers.views.access import Request, get_container, opens_to
from containers.views.activities import Shown
from containers.views.graph_page import SCENARIOS, GraphPage
from containers.views.page import ContainerPage
from containers.views.patches import Wanted
from containers.views.surroundings import Surroundings


@require_GET
@opens_to(SEE)
def whole_graph(request: Request) -> HttpResponse:
    made_at = timezone.now()
    page = GraphPage(GraphQuery.of(request.GET))
    context: dict[str, Any] = {
        "section": "dependencies",
        "page": page,
        "query": page.query,
        "simulation": page.simulation,
        "scenarios": SCENARIOS,
        "made_at": made_at.isoformat(),
    }
    wanted = Wanted.of(request)
    if wanted is None:
        return render(request, "dependencies/page.html", context | {"nodes": page.picture and page.picture.nodes()})
    if request.GET.get("graph") != page.digest:
        # Another graph is another drawing.
        return render(request, "dependencies/_graph.html", context | {"nodes": page.picture and page.picture.nodes()})
    names = {name for name, shown in page.shown.items() if page.simulation or _is_wanted(shown, wanted)}
    context["nodes"] = page.picture.nodes(names) if page.picture else []
    context["rows"] = [row for tier in page.tiers for row in tier if row.name in names]
    return render(request, "dependencies/_patch.html", context)


@require_GET
@opens_to(SEE)
def of_container(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    page = ContainerPage.load(request, container, "dependencies")
    surroundings = Surroundings(name, page.graph)
    wanted = Wanted.of(request)
    context = page.context | {"surroundings": surroundings}
    if wanted is None:
        return render(request, "containers/dependencies.html", context)
    is_touched = any(other in wanted for other in surroundings.names)
    return render(request, "containers/_dependencies.html", context) if is_touched else HttpResponse()


def _is_wanted(shown: Shown, wanted: Wanted) -> bool:
    row, job = shown.container, shown.container.last_job
    if shown.name in wanted or wanted.is_since(row.state_since, (job.ended_at or job.created_at) if job else None):
        return True
    return wanted.since is not None and job is not None and job.is_active
