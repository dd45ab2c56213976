"""/images/: stacks of layers with defaults for the containers made from them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from ninja import Query

from containers.api import exports, schemas
from containers.api.auth import IMAGES, VIEW, ApiRequest, actor_of, require_recent
from containers.api.paging import Paged, paginate_together
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.services import hosts, images

router = Router(tags=["images"])


@router.get("/images/", auth=VIEW, response={200: schemas.ImagePage, **ERRORS})
def list_images(request: ApiRequest, filters: Query[Paged]) -> dict[str, Any]:
    """List all versions of all images by name, the newest of each first, with the containers that stand on them."""
    return paginate_together(request, hosts.images().with_layers(), filters.page, exports.images)


@router.get("/images/{name}/", auth=VIEW, response={200: schemas.ImageOut, **ERRORS})
def show_image(request: ApiRequest, name: str) -> dict[str, Any]:
    """Return the newest version of an image, or the one that NAME:VERSION names."""
    return exports.images([hosts.get_image(name, hosts.images().with_layers())])[0]


@router.delete("/images/{name}/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def remove_image(request: ApiRequest, name: str) -> HttpResponse:
    """Remove an image that no container stands on, and those of its layers that nothing else uses.

    NAME alone means its newest version.
    """
    require_recent(request)
    image = hosts.get_image(name, hosts.images().select_related("host").with_layers())
    return accepted(images.request_remove(actor_of(request), image))
