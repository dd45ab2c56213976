"""The audit trail: who did what, one thing's whole story, one event with all that came of it; taken out as a file."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.choices import EventKind, Via
from containers.errors import InvalidRequest, NotFound, SpocError
from containers.forms.queries import AuditQuery
from containers.models import Event, SavedView
from containers.querysets import EventQuerySet
from containers.services import audit_export, audit_retention, audit_signed, audit_views
from containers.services.entry import AUDIT
from containers.views import audit_filters
from containers.views.access import Request, actor_of, opens_to
from containers.views.audit_events import ShownEvent

PAGE_SIZE: Final = 50
# More are not counted: a count of a million rows takes longer than a page may.
MOST_PAGES: Final = 200


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # no generic one at run time
    """Counts no further than it has pages."""

    object_list: EventQuerySet

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: PAGE_SIZE * MOST_PAGES].count()


@require_GET
@opens_to(AUDIT)
def event_list(request: Request) -> HttpResponse:
    query = AuditQuery.of(request.GET)
    page = BoundedPaginator(query.apply(Event.objects.order_by("-id")), PAGE_SIZE).get_page(request.GET.get("page", "1"))
    context = {
        "section": "audit",
        "query": query,
        "page": page,
        "events": [ShownEvent(event) for event in page.object_list],
        "applied": audit_filters.applied(query),
        "kinds": EventKind.choices,
        "ways": Via.choices,
        "views": SavedView.objects.filter(user=request.user),
        "rules": audit_retention.rules(),
        "signed": audit_signed.last(),
        "query_string": _without_page(request.GET),
        "formats": audit_export.FORMATS,
    }
    return render(request, "audit/list.html", context)


@require_GET
@opens_to(AUDIT)
def event_detail(request: Request, number: int) -> HttpResponse:
    event = Event.objects.filter(pk=number).first()
    if event is None:
        raise NotFound(f"There is no event {number}")
    return render(request, "audit/detail.html", {"section": "audit", "shown": ShownEvent(event), "event": event})


@require_POST
@opens_to(AUDIT)
def export(request: Request) -> StreamingHttpResponse:
    """What the filters leave, oldest first, as a file. It is recorded: it leaves the panel."""
    data = QueryDict(request.POST.get("query", ""))
    name = request.POST.get("format", "")
    if name not in audit_export.FORMATS:
        raise InvalidRequest.of("format", f"must be one of {', '.join(audit_export.FORMATS)}")
    return exported(name, AuditQuery.of(data), audit_export.taken(actor_of(request), name, data.dict()))


def exported(name: str, query: AuditQuery, last: int) -> StreamingHttpResponse:
    """Return the file: of what was there before the export itself was recorded, as event `last`."""
    write, content_type = audit_export.FORMATS[name]
    rows = query.apply(Event.objects.filter(pk__lt=last).order_by("id"))
    headers = {"Content-Disposition": f'attachment; filename="spocweb-audit.{name}"'}
    return StreamingHttpResponse(write(rows), content_type=content_type, headers=headers)


@require_POST
@opens_to(AUDIT)
def save_view(request: Request) -> HttpResponse:
    query = request.POST.get("query", "")
    try:
        audit_views.save(actor_of(request), request.POST.get("name", ""), query)
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
    else:
        messages.success(request, _("The view is saved."))
    return redirect(f"{reverse('audit-list')}?{QueryDict(query[: audit_views.MAX_QUERY]).urlencode()}")


@require_POST
@opens_to(AUDIT)
def remove_view(request: Request, number: int) -> HttpResponse:
    audit_views.remove(actor_of(request), number)
    return redirect("audit-list")


def _without_page(data: QueryDict) -> str:
    kept: Any = data.copy()
    kept.pop("page", None)
    return str(kept.urlencode())
