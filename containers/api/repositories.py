"""/repositories/: where images and apps come from and go to. The host's own is called "own"."""

from __future__ import annotations

from typing import Annotated, Any, Self

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from ninja import Body, Query, Status
from pydantic import model_validator

from containers.api import exports, schemas
from containers.api.auth import IMAGES, VIEW, ApiRequest, actor_of, require_recent
from containers.api.documented import Documented
from containers.api.paging import Paged, paginate
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.domain.image import ImageRef
from containers.domain.repository import OWN, RepositorySpec
from containers.domain.values import Value
from containers.errors import Conflict
from containers.models import Repository
from containers.services import app_sources, exported, hosts, repositories
from containers.services.ranges import file_response

router = Router(tags=["repositories"])

NewRepository = Annotated[Any, Documented(RepositorySpec)]


class Fetch(Value):
    """An image, NAME or NAME:VERSION, or an app."""

    image: str | None = None
    app: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.image is None) == (self.app is None):
            raise ValueError("needs an image or an app, and not both")
        return self


@router.get("/repositories/", auth=VIEW, response={200: schemas.RepositoryPage, **ERRORS})
def list_repositories(request: ApiRequest, filters: Query[Paged]) -> dict[str, Any]:
    """List the repositories that images are fetched from, by name. The host's own is not among them."""
    return paginate(request, hosts.repositories(), filters.page, exports.repository)


@router.post("/repositories/", auth=IMAGES, response={201: schemas.NewRepositoryOut, **ERRORS})
def add_repository(request: ApiRequest, payload: Body[NewRepository]) -> Status[Any]:
    """Add a repository; a job looks into it for the first time."""
    require_recent(request)
    row, job = repositories.add(actor_of(request), RepositorySpec.validate_as(payload, field=""))
    return Status(201, {**exports.repository(row), "job": job.pk})


@router.get("/repositories/{name}/", auth=VIEW, response={200: schemas.RepositoryDetail, **ERRORS})
def show_repository(request: ApiRequest, name: str) -> dict[str, Any]:
    """Return a repository with its images and apps, as its index said at the last look; `own` is the host's own."""
    if name == OWN:
        index = exported.index()
        return exports.own_repository(index, repositories.compared(index.images, own=True), app_sources.published())
    row = hosts.get_repository(name)
    images = exports.offers(repositories.compared(repositories.entries(row)))
    apps = exports.offered_apps(app_sources.compared(row, repositories.app_entries(row)))
    return {**exports.repository(row), "images": images, "apps": apps}


@router.delete("/repositories/{name}/", auth=IMAGES, response={204: None, **ERRORS})
def remove_repository(request: ApiRequest, name: str, serial: bool = False) -> Status[None]:
    """Forget a repository. Images that were fetched from it stay, and an older index of the same key is still refused.

    `?serial=true` forgets that, too: for a publisher who was really set back.
    """
    require_recent(request)
    repositories.remove(actor_of(request), _other(name), serial_too=serial)
    return Status(204, None)


@router.post("/repositories/{name}/refresh/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def refresh_repository(request: ApiRequest, name: str) -> HttpResponse:
    """Fetch the repository's index and check its signature."""
    return accepted(repositories.request_refresh(actor_of(request), _other(name)))


@router.post("/repositories/{name}/fetch/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def fetch(request: ApiRequest, name: str, payload: Body[Annotated[Any, Documented(Fetch)]]) -> HttpResponse:
    """Fetch an image, or an app into the catalogue, going on where an earlier try was broken off.

    Checked as a whole before anything of it is used.
    """
    wanted = Fetch.validate_as(payload, field="")
    if wanted.app is not None:
        return accepted(app_sources.request_fetch(actor_of(request), name, wanted.app))
    return accepted(repositories.request_fetch(actor_of(request), name, ImageRef.parse(wanted.image or "")))


@router.post("/images/{name}/export/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def export_image(request: ApiRequest, name: str) -> HttpResponse:
    """Write the image as one signed file into the host's own repository. NAME alone means its newest version."""
    image = hosts.get_image(name, hosts.images().select_related("host"))
    return accepted(exported.request_export(actor_of(request), image))


@router.get("/exports/{name}/", auth=IMAGES, response={200: None, **ERRORS}, openapi_extra=schemas.TAR_FILE)
def download_export(request: ApiRequest, name: str) -> HttpResponseBase:
    """Return the file of an exported image, NAME or NAME:VERSION: an OCI image archive. One `Range` is answered with 206."""
    entry, stream = exported.open_file(exported.resolve(name))
    return file_response(request, stream, filename=entry.file, etag=entry.sha256)


@router.delete("/exports/{name}/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def remove_export(request: ApiRequest, name: str) -> HttpResponse:
    """Remove an exported file from the host's own repository; the image itself stays."""
    require_recent(request)
    return accepted(exported.request_removal(actor_of(request), exported.resolve(name)))


def _other(name: str) -> Repository:
    if name == OWN:
        raise Conflict("This is the host's own repository")
    return hosts.get_repository(name)
