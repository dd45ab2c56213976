"""/images/import/ and /images/pull/: images that others have made."""

from __future__ import annotations

from typing import Annotated, Any, Final

from django.http import HttpResponse
from ninja import Body

from containers.api import schemas
from containers.api.auth import IMAGES, ApiRequest, actor_of
from containers.api.documented import Documented
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.api.uploads import bodies, is_form, read_form
from containers.domain.values import Value
from containers.services import image_imports
from containers.services.documents import load_json

router = Router(tags=["images"])


class ImageByPath(Value):
    """An image from an archive or a layout on the server; `image` is NAME or NAME:VERSION."""

    image: str
    path: str
    pick: str | None = None


class ImageInRegistry(Value):
    """An image in a registry; `image` is what it is called here, if not the same."""

    reference: str
    image: str | None = None


PullBody = Annotated[Any, Documented(ImageInRegistry)]
_BODIES: Final = bodies(ImageByPath, ["image"], ["pick"])


@router.post("/images/import/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS}, openapi_extra=_BODIES)
def import_image(request: ApiRequest) -> HttpResponse:
    """Import an OCI archive, an OCI layout or an archive of `docker save`: by `path` on the server, or an uploaded `archive`.

    `pick` says which image, where there are several in it.
    """
    if is_form(request):
        texts, archive = read_form(request, ["image"], ["pick"])
        return accepted(image_imports.request_import_of(actor_of(request), texts["image"], archive, pick=texts.get("pick")))
    body = ImageByPath.validate_as(load_json(request.body), field="")
    return accepted(image_imports.request_import(actor_of(request), body.image, path=body.path, pick=body.pick))


@router.post("/images/pull/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def pull_image(request: ApiRequest, payload: Body[PullBody]) -> HttpResponse:
    """Pull an image from a registry, for this host's architecture."""
    given = ImageInRegistry.validate_as(payload, field="")
    return accepted(image_imports.request_pull(actor_of(request), given.reference, image=given.image))
