"""/layers/: what root filesystems are made of."""

from __future__ import annotations

from typing import Annotated, Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from ninja import Query
from pydantic import Field

from containers.api import exports, schemas
from containers.api.auth import OPERATE, VIEW, ApiRequest, actor_of
from containers.api.paging import Paged, paginate
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.domain.definition import LayerName
from containers.domain.text import shown
from containers.domain.values import Value
from containers.errors import FieldError, InvalidRequest
from containers.models import Job
from containers.querysets import LayerQuerySet
from containers.services import hosts, layers
from containers.services.documents import load_json

router = Router(tags=["layers"])


class LayerByPath(Value):
    """A layer from an archive or a directory on the server."""

    name: str
    path: str


# Two kinds of bodies for one operation are more than a signature can say.
_BODIES: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": LayerByPath.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "archive": {"type": "string", "format": "binary"}},
                    "required": ["name", "archive"],
                }
            },
        },
    }
}


def _rows() -> LayerQuerySet:
    return hosts.layers().with_users()


@router.get("/layers/", auth=VIEW, response={200: schemas.LayerPage, **ERRORS})
def list_layers(request: ApiRequest, filters: Query[Paged]) -> dict[str, Any]:
    """List layers by name, with the containers and images that use them."""
    return paginate(request, _rows(), filters.page, exports.layer)


@router.post("/layers/", auth=OPERATE, response={202: schemas.JobRef, **ERRORS}, openapi_extra=_BODIES)
def import_layer(request: ApiRequest) -> HttpResponse:
    """Import a layer, from a tar archive or directory on the server by `path`, or from an uploaded `archive`."""
    if request.content_type == "multipart/form-data":
        return accepted(_import_upload(request))
    body = LayerByPath.validate_as(load_json(request.body), field="")
    return accepted(layers.request_import(actor_of(request), body.name, path=body.path))


def _import_upload(request: ApiRequest) -> Job:
    known = ("name", "archive", "csrfmiddlewaretoken")
    errors = [FieldError(shown(key), "is not a known key") for key in (*request.POST, *request.FILES) if key not in known]
    name, archive = request.POST.get("name"), request.FILES.get("archive")
    errors += [FieldError(key, "is required") for key, value in (("name", name), ("archive", archive)) if value is None]
    if errors or not isinstance(name, str) or not isinstance(archive, UploadedFile):
        raise InvalidRequest.all(tuple(errors))
    return layers.request_import_of(actor_of(request), name, archive)


class Keeping(schemas.StrictBody):
    layer: Annotated[LayerName, Field(description="The layer to be made")]
    image: Annotated[str | None, Field(description="NAME[:VERSION] of an image to be made with it on top")] = None


@router.post("/containers/{name}/commit/", auth=OPERATE, response={202: schemas.JobRef, **ERRORS})
def commit(request: ApiRequest, name: str, payload: Keeping) -> HttpResponse:
    """Keep what a container has written, its ephemeral layer, as a new layer; one that runs is frozen while it is copied."""
    container = hosts.get_container(name)
    return accepted(layers.request_commit(actor_of(request), container, payload.layer, image=payload.image))


@router.get("/layers/{name}/", auth=VIEW, response={200: schemas.LayerOut, **ERRORS})
def show_layer(request: ApiRequest, name: str) -> dict[str, Any]:
    return exports.layer(hosts.get_layer(name, _rows()))


@router.delete("/layers/{name}/", auth=OPERATE, response={202: schemas.JobRef, **ERRORS})
def remove_layer(request: ApiRequest, name: str) -> HttpResponse:
    """Remove a layer that no container and no image uses."""
    layer = hosts.get_layer(name, hosts.layers().select_related("host"))
    return accepted(layers.request_remove(actor_of(request), layer))
