"""Whole hosts as one document."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Body
from pydantic import Field

from containers.api import schemas
from containers.api.auth import EDIT, SEE, ApiRequest, actor_of
from containers.api.documented import Documented
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.domain.definition import Definition
from containers.domain.limits import Limits, Timeouts
from containers.domain.values import Value
from containers.services import transfer

router = Router(tags=["transfer"])


class Settings(Value):
    """What a container has beside its definition."""

    description: str = ""
    autostart: bool = False
    protected: bool = False
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()


class Document(Value):
    """Containers by name. `settings` has those that have something beside their definition."""

    containers: Annotated[dict[str, Definition], Field(min_length=1, max_length=transfer.MAX_CONTAINERS)]
    settings: dict[str, Settings] = {}


AnyDocument = Annotated[Any, Documented(Document)]


@router.post("/import/", auth=EDIT, response={202: schemas.ImportOut, **ERRORS})
def import_containers(request: ApiRequest, payload: Body[AnyDocument]) -> HttpResponse:
    """Define all containers of a document, or none; one job makes their directories."""
    made = transfer.import_containers(actor_of(request), payload)
    return accepted(made[0][1], containers=[row.name for row, _job in made])


@router.get("/export/", auth=SEE, response={200: AnyDocument, **ERRORS})
def export_containers(request: ApiRequest) -> dict[str, Any]:
    """Return all containers as a document that `import` takes."""
    transfer.take(actor_of(request))
    return transfer.export()
