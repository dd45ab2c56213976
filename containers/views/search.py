"""Search from anywhere: as a page, and as the options of the field at the top of every page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.services import access
from containers.services.entry import SEE
from containers.views.access import Request, opens_to
from containers.views.finding import MAX_TYPED, find


@require_GET
@opens_to(SEE)
def search(request: Request) -> HttpResponse:
    typed = request.GET.get("q", "")[:MAX_TYPED]
    may_operate, may_audit = access.may_somewhere(request.user, "operate"), access.may(request.user, "audit")
    may_administer = access.may(request.user, "users")
    groups = find(typed, may_operate=may_operate, may_audit=may_audit, may_administer=may_administer)
    context = {"section": "search", "typed": typed, "groups": groups, "count": sum(len(group.items) for group in groups)}
    return render(request, _template(request), context)


def _template(request: Request) -> str:
    if not request.htmx:
        return "search/page.html"
    return "search/_options.html" if "options" in request.GET else "search/_results.html"
