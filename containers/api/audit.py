"""/audit/: who did what, for those who may read the audit trail."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from django.http import StreamingHttpResponse
from ninja import Query
from pydantic import Field

from containers.api import schemas
from containers.api.auth import AUDIT, ApiRequest, actor_of
from containers.api.moments import Moment
from containers.api.paging import Paged, paginate
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.api.texts import QueryText
from containers.choices import EventKind, Via
from containers.errors import NotFound
from containers.models import Event
from containers.querysets import EventQuerySet
from containers.services import audit_export

router = Router(tags=["audit"])

LINES: Final = {
    "responses": {
        200: {
            "description": "OK",
            "content": {kind: {"schema": {"type": "string"}} for _, kind in audit_export.FORMATS.values()},
        }
    }
}


class EventFilter(Paged):
    who: QueryText = ""
    kind: EventKind | None = None
    subject: Annotated[QueryText, Field(description="One thing's whole story: events of the jobs that touched it, too")] = ""
    via: Via | None = None
    job: Annotated[int | None, Field(ge=1, lt=2**63)] = None
    since: Moment | None = None
    until: Moment | None = None


class ExportFilter(EventFilter):
    format: Literal["csv", "jsonl"] = "jsonl"


@router.get("/audit/", auth=AUDIT, response={200: schemas.EventPage, **ERRORS})
def list_events(request: ApiRequest, filters: Query[EventFilter]) -> dict[str, Any]:
    """List events, newest first."""
    return paginate(request, _filtered(filters).order_by("-id"), filters.page, audit_export.values_of)


@router.get("/audit/export/", auth=AUDIT, response=ERRORS, openapi_extra=LINES)
def export_events(request: ApiRequest, filters: Query[ExportFilter]) -> StreamingHttpResponse:
    """Return all of them as lines, oldest first. The export itself is recorded, after them."""
    query = {key: str(value) for key, value in filters.dict(exclude_defaults=True, exclude={"page"}).items()}
    last = audit_export.taken(actor_of(request), filters.format, query)
    write, content_type = audit_export.FORMATS[filters.format]
    return StreamingHttpResponse(write(_filtered(filters).filter(pk__lt=last).order_by("id")), content_type=content_type)


@router.get("/audit/{int:number}/", auth=AUDIT, response={200: schemas.EventOut, **ERRORS})
def show_event(request: ApiRequest, number: int) -> dict[str, Any]:
    """Return one event."""
    event = Event.objects.filter(pk=number).first() if number < 2**63 else None
    if event is None:
        raise NotFound(f"There is no event {number}")
    return audit_export.values_of(event)


def _filtered(filters: EventFilter) -> EventQuerySet:
    wanted = {
        "user_name": filters.who,
        "kind": filters.kind,
        "via": filters.via,
        "job": filters.job,
        "at__gte": filters.since,
        "at__lte": filters.until,
    }
    events = Event.objects.filter(**{key: value for key, value in wanted.items() if value})
    return events.about(filters.subject) if filters.subject else events
