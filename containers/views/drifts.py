"""What of a container is other than its definition says: wanted, rendered, actual side by side, and what to do about it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.errors import SpocError
from containers.services import drift as service
from containers.services.entry import EDIT, SEE
from containers.views.access import Request, actor_of, get_container, opens_to
from containers.views.page import ContainerPage
from containers.views.patches import Wanted


@require_GET
@opens_to(SEE)
def drift(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    page = ContainerPage.load(request, container, "drift")
    context = page.context | {
        "entries": [entry.masked() for entry in service.entries(container)],
        "can_adopt": service.can_adopt(container),
    }
    template = "containers/_drift.html" if Wanted.of(request) else "containers/drift.html"
    return render(request, template, context)


@require_POST
@opens_to(EDIT)
def ignore(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "edit")
    try:
        service.ignore(actor_of(request), container)
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
    else:
        messages.success(request, _("%(name)s: what differs now is not marked any more.") % {"name": name}, extra_tags="ok")
    return redirect("container-drift", name)


@require_POST
@opens_to(EDIT)
def adopt(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "edit")
    try:
        container = service.adopt(actor_of(request), container)
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
    else:
        values = {"name": name, "number": container.revision}
        messages.success(
            request, _("%(name)s is saved as revision %(number)d, with its present limits.") % values, extra_tags="ok"
        )
    return redirect("container-drift", name)
