"""The terminal of a container: its window, and who has had one when. Its bytes go over a WebSocket: see `api.sockets`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.choices import TerminalEnding
from containers.models import Container
from containers.services import terminals
from containers.services.entry import TERMINAL
from containers.views import spans
from containers.views.access import Request, actor_of, get_container, opens_to
from containers.views.page import ContainerPage

PAGE_SIZE = 20


@require_GET
@opens_to(TERMINAL)
def terminal(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "terminal")
    page = ContainerPage.load(request, container, "terminal")
    ends = {"idle": spans.short(settings.TERMINAL_IDLE_S), "grace": spans.short(settings.TERMINAL_GRACE_S)}
    template = "containers/_terminal_live.html" if request.htmx else "containers/terminal.html"
    return render(
        request, template, page.context | _lists(request, container) | ends | {"is_recorded": settings.TERMINAL_RECORDING}
    )


@require_POST
@opens_to(TERMINAL)
def end(request: Request, name: str, number: int) -> HttpResponse:
    get_container(request, name, "terminal")
    terminals.end(actor_of(request), name, number)
    messages.success(request, _("The terminal is being closed."))
    return redirect("container-terminal", name)


def _lists(request: Request, container: Container) -> dict[str, Any]:
    rows = terminals.of_container(container.name)
    opened = [(row, terminals.may_end(request.user, row)) for row in rows.open()]
    past = Paginator(rows.ended(), PAGE_SIZE).get_page(request.GET.get("page", "1"))
    return {"container": container, "open_terminals": opened, "past": past, "endings": dict(TerminalEnding.choices)}
