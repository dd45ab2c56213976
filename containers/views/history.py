"""The revisions of a container: who saved what and when, what changed, and back to one of them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.errors import NotFound, SpocError
from containers.models import Container, Revision
from containers.services import containers
from containers.views import differences
from containers.views.access import Request, actor_of, get_container
from containers.views.page import ContainerPage

PAGE_SIZE = 50


@require_GET
@login_required
def history(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    number = request.GET.get("revision") or str(container.revision)
    revision, before = _pair(container, number)
    context = ContainerPage.load(request, container, "history").context | {
        "revisions": Paginator(Revision.objects.filter(container=container), PAGE_SIZE).get_page(request.GET.get("page", "1")),
        "revision": revision,
        "before": before,
        "changes": differences.between(before.data if before else {}, revision.data),
    }
    return render(request, "containers/history.html", context)


@require_POST
@login_required
def restore(request: Request, name: str, number: int) -> HttpResponse:
    container = get_container(request, name, "operate")
    try:
        saved = containers.restore_revision(actor_of(request), container, number)
    except NotFound:
        raise
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
    else:
        values = {"old": number, "new": saved.revision}
        messages.success(request, _("Revision %(old)d is restored, as revision %(new)d.") % values)
    return redirect("container-history", name)


def _pair(container: Container, number: str) -> tuple[Revision, Revision | None]:
    """Return a revision and the one before it. Raises NotFound."""
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    rows = list(Revision.objects.filter(container=container, number__lte=wanted).order_by("-number")[:2])
    if not rows or rows[0].number != wanted:
        raise NotFound(f"{container.name} has no such revision")
    return rows[0], rows[1] if len(rows) > 1 else None
