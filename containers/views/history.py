"""The revisions of a container: who saved what and when, what differs between any two, and back to one of them."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from containers.errors import NotFound, SpocError
from containers.models import Container, Revision
from containers.services import containers, starts
from containers.services.entry import EDIT, SEE
from containers.views import differences
from containers.views.access import Request, actor_of, get_container, opens_to
from containers.views.page import ContainerPage
from containers.views.revisions import Comparison, Listed

PAGE_SIZE = 50


@require_GET
@opens_to(SEE)
def history(request: Request, name: str) -> HttpResponse:
    """`revision` is shown with what it changed; or with `from` and `to`, what differs between the two."""
    container = get_container(request, name, "view")
    page = Paginator(Revision.objects.filter(container=container), PAGE_SIZE).get_page(request.GET.get("page", "1"))
    context = ContainerPage.load(request, container, "history").context | {
        "revisions": page,
        "listed": Listed.of(list(page)),
        "shown_pair": _comparison(request, container),
        "good": starts.last_good(name),
    }
    return render(request, "containers/history.html", context)


@require_http_methods(["GET", "POST"])
@opens_to(EDIT)
def restore(request: Request, name: str, number: int) -> HttpResponse:
    """Shows what would change, then does it."""
    container = get_container(request, name, "edit")
    if request.method == "GET":
        revision = _revision(container, str(number))
        current = _revision(container, str(container.revision))
        changes = differences.between(current.data, revision.data)
        context = {"section": "containers", "container": container, "current": current, "revision": revision, "changes": changes}
        return render(request, "containers/_restore.html" if request.htmx else "containers/restore.html", context)
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


def _comparison(request: Request, container: Container) -> Comparison:
    """Return what is asked for. Raises NotFound."""
    if "from" in request.GET or "to" in request.GET:
        old = _revision(container, request.GET.get("from", ""))
        new = _revision(container, request.GET.get("to") or str(container.revision))
        return Comparison(container, old, new, is_chosen=True)
    revision = _revision(container, request.GET.get("revision") or str(container.revision))
    before = Revision.objects.filter(container=container, number__lt=revision.number).order_by("-number").first()
    return Comparison(container, before, revision)


def _revision(container: Container, number: str) -> Revision:
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    revision = Revision.objects.filter(container=container, number=wanted).first()
    if revision is None:
        raise NotFound(f"{container.name} has no such revision")
    return revision
