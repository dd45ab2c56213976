"""/clean-up/: what nothing uses, and its removal."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Schema
from pydantic import Field

from containers.api import schemas
from containers.api.auth import IMAGES, VIEW, ApiRequest, actor_of, require_recent
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.domain.definition import LayerName
from containers.services import cleanup
from containers.services.inputs import MAX_CLEANED, ImageName, UploadedName

router = Router(tags=["images"])


class UnusedOut(Schema):
    name: str
    size: int | None


class CleanUpOut(Schema):
    frees: Annotated[int, Field(description="Bytes, as far as sizes are known")]
    images: Annotated[list[UnusedOut], Field(description="Images that apps have left; their layers go with them")]
    layers: list[UnusedOut]
    uploads: list[UnusedOut]
    leftovers: Annotated[list[UnusedOut] | None, Field(description="What jobs left unfinished; null where root does not answer")]


class CleanUpBody(schemas.StrictBody):
    images: Annotated[list[ImageName], Field(max_length=MAX_CLEANED)] = []
    layers: Annotated[list[LayerName], Field(max_length=MAX_CLEANED)] = []
    uploads: Annotated[list[UploadedName], Field(max_length=MAX_CLEANED)] = []
    leftovers: bool = False


@router.get("/clean-up/", auth=VIEW, response={200: CleanUpOut, **ERRORS})
def show_clean_up(request: ApiRequest) -> dict[str, Any]:
    """List what nothing uses: images that apps have left, layers in no container and no image, uploads, leftovers.

    Images that somebody made stay.
    """
    found = cleanup.find(actor_of(request))
    keys = ("images", "layers", "uploads", "leftovers")
    return {"frees": found.size, **{key: getattr(found, key) for key in keys}}


@router.post("/clean-up/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def clean_up(request: ApiRequest, payload: CleanUpBody) -> HttpResponse:
    """Remove what the body names of what the list showed; what got used meanwhile stays, and the job says so."""
    require_recent(request)
    named = {"images": payload.images, "layers": payload.layers, "uploads": payload.uploads}
    return accepted(cleanup.request_clean_up(actor_of(request), **named, leftovers=payload.leftovers))
