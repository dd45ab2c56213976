"""/layers/: what root filesystems are made of."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Body, Query
from pydantic import Field

from containers.api import exports, schemas
from containers.api.auth import IMAGES, VIEW, ApiRequest, actor_of, require_recent
from containers.api.documented import Documented
from containers.api.paging import Paged, paginate_together
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.api.uploads import bodies, is_form, read_form
from containers.domain.bootstrap import BaseSystem
from containers.domain.definition import LayerName
from containers.domain.values import Value
from containers.querysets import LayerQuerySet
from containers.services import hosts, layers, sight
from containers.services.documents import load_json

router = Router(tags=["layers"])


class LayerByPath(Value):
    """A layer from an archive or a directory on the server."""

    name: str
    path: str


class NewBaseSystem(BaseSystem):
    """A layer of a Debian base system."""

    name: str


BaseSystemBody = Annotated[Any, Documented(NewBaseSystem)]


def _rows() -> LayerQuerySet:
    return hosts.layers().with_users()


@router.get("/layers/", auth=VIEW, response={200: schemas.LayerPage, **ERRORS})
def list_layers(request: ApiRequest, filters: Query[Paged]) -> dict[str, Any]:
    """List layers by name, with the containers and images that use them."""
    return paginate_together(request, _rows(), filters.page, exports.layers)


@router.post("/layers/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS}, openapi_extra=bodies(LayerByPath, ["name"]))
def import_layer(request: ApiRequest) -> HttpResponse:
    """Import a layer, from a tar archive or directory on the server by `path`, or from an uploaded `archive`."""
    if is_form(request):
        texts, archive = read_form(request, ["name"])
        return accepted(layers.request_import_of(actor_of(request), texts["name"], archive))
    body = LayerByPath.validate_as(load_json(request.body), field="")
    return accepted(layers.request_import(actor_of(request), body.name, path=body.path))


@router.post("/layers/bootstrap/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def bootstrap_layer(request: ApiRequest, payload: Body[BaseSystemBody]) -> HttpResponse:
    """Make a layer of a Debian base system. Without a mirror it comes from where the host's own packages come from."""
    system = NewBaseSystem.validate_as(payload, field="").model_dump(mode="json", exclude_defaults=True)
    name = system.pop("name")
    return accepted(layers.request_bootstrap(actor_of(request), name, system))


class Keeping(schemas.StrictBody):
    layer: Annotated[LayerName, Field(description="The layer to be made")]
    image: Annotated[str | None, Field(description="NAME[:VERSION] of an image to be made with it on top")] = None


@router.post("/containers/{name}/commit/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def commit(request: ApiRequest, name: str, payload: Keeping) -> HttpResponse:
    """Keep what a container has written, its ephemeral layer, as a new layer; one that runs is frozen while it is copied."""
    container = sight.container(name)
    return accepted(layers.request_commit(actor_of(request), container, payload.layer, image=payload.image))


@router.get("/layers/{name}/", auth=VIEW, response={200: schemas.LayerOut, **ERRORS})
def show_layer(request: ApiRequest, name: str) -> dict[str, Any]:
    return exports.layer(hosts.get_layer(name, _rows()))


@router.delete("/layers/{name}/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def remove_layer(request: ApiRequest, name: str) -> HttpResponse:
    """Remove a layer that no container and no image uses."""
    require_recent(request)
    layer = hosts.get_layer(name, hosts.layers().select_related("host"))
    return accepted(layers.request_remove(actor_of(request), layer))
