"""Files of layers and volumes, and what containers have written since they were started: looked at, and one by one downloaded."""

from __future__ import annotations

from typing import Annotated, Any, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from ninja import Query, Schema
from pydantic import Field

from containers.api import schemas
from containers.api.auth import EXECUTE, IMAGES, SEE, VIEW, ApiRequest, actor_of
from containers.api.paging import Paged, next_page
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.domain.tree import Counts, Entry, Preview, Summary
from containers.errors import NotFound
from containers.services import files, hosts, sight, volumes
from containers.services.bodies import left_to_the_loop
from containers.services.files import Download
from containers.services.looking import PAGE_SIZE, Subject

router = Router(tags=["files"])

# Root's session server may not answer.
LOOK_ERRORS: Final[dict[Any, Any]] = {**ERRORS, 503: schemas.Error}
BYTES: Final = {
    "responses": {
        200: {
            "description": "OK",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}
PathText = Annotated[
    str, Field(description="From the top; what cannot be seen of a name is written \\\\xNN, a backslash twice, as in `name`")
]


class Where(Paged):
    path: PathText = ""


class FilePath(Schema):
    path: PathText


class VolumePath(Schema):
    path: PathText = ""


class FilesOut(Schema):
    """One directory: `changes` are of all its names, of how many it has; `complete` is false where not all were read."""

    path: str
    count: int
    next: str | None
    results: list[Entry]
    changes: Counts
    complete: bool


@router.get("/layers/{name}/summary/", auth=VIEW, response={200: Summary, **LOOK_ERRORS})
def sum_up_layer(request: ApiRequest, name: str) -> HttpResponse:
    """Return how large a layer is, and how many files it adds, changes and removes."""
    return _as_json(files.summary(actor_of(request), hosts.get_layer(name)))


@router.get("/layers/{name}/files/", auth=VIEW, response={200: FilesOut, **LOOK_ERRORS})
def list_layer_files(request: ApiRequest, name: str, where: Query[Where]) -> dict[str, Any]:
    """List one directory of a layer; `change` is what it does to the layers below it in an image or container."""
    return _listing(request, hosts.get_layer(name), where)


@router.get("/layers/{name}/preview/", auth=IMAGES, response={200: Preview, **LOOK_ERRORS})
def preview_layer_file(request: ApiRequest, name: str, where: Query[FilePath]) -> HttpResponse:
    """Return the beginning of one plain file of a layer as text; `text` is null where it is none."""
    return _as_json(files.preview(actor_of(request), hosts.get_layer(name), where.path))


@router.get("/layers/{name}/file/", auth=IMAGES, response=LOOK_ERRORS, openapi_extra=BYTES)
def download_layer_file(request: ApiRequest, name: str, where: Query[FilePath]) -> HttpResponseBase:
    """Download one plain file of a layer. No link is followed."""
    return send(request, files.download(actor_of(request), hosts.get_layer(name), where.path))


@router.get("/containers/{name}/ephemeral/", auth=SEE, response={200: Summary, **LOOK_ERRORS})
def show_ephemeral(request: ApiRequest, name: str) -> HttpResponse:
    """Return how much a container has written since it was started or mounted, and how many files it has changed."""
    return _as_json(files.summary(actor_of(request), sight.container(name)))


@router.get("/containers/{name}/ephemeral/files/", auth=SEE, response={200: FilesOut, **LOOK_ERRORS})
def list_ephemeral_files(request: ApiRequest, name: str, where: Query[Where]) -> dict[str, Any]:
    """List one directory of what a container has written: added, changed, removed."""
    return _listing(request, sight.container(name), where)


@router.get("/containers/{name}/ephemeral/preview/", auth=EXECUTE, response={200: Preview, **LOOK_ERRORS})
def preview_ephemeral_file(request: ApiRequest, name: str, where: Query[FilePath]) -> HttpResponse:
    """Return the beginning of one plain file of what a container has written as text; `text` is null where it is none."""
    return _as_json(files.preview(actor_of(request), sight.container(name), where.path))


@router.get("/containers/{name}/ephemeral/file/", auth=EXECUTE, response=LOOK_ERRORS, openapi_extra=BYTES)
def download_ephemeral_file(request: ApiRequest, name: str, where: Query[FilePath]) -> HttpResponseBase:
    """Download one plain file that a container has written. No link is followed."""
    return send(request, files.download(actor_of(request), sight.container(name), where.path))


@router.get("/volumes/{name}/files/", auth=VIEW, response={200: FilesOut, **LOOK_ERRORS})
def list_volume_files(request: ApiRequest, name: str, where: Query[Where]) -> dict[str, Any]:
    """List one directory of a volume. `change` says nothing here."""
    return _listing(request, volumes.get(name), where)


@router.get("/volumes/{name}/preview/", auth=EXECUTE, response={200: Preview, **LOOK_ERRORS})
def preview_volume_file(request: ApiRequest, name: str, where: Query[VolumePath]) -> HttpResponse:
    """Return the beginning of one plain file of a volume as text; `text` is null where it is none."""
    return _as_json(files.preview(actor_of(request), volumes.get(name), where.path))


@router.get("/volumes/{name}/file/", auth=EXECUTE, response=LOOK_ERRORS, openapi_extra=BYTES)
def download_volume_file(request: ApiRequest, name: str, where: Query[VolumePath]) -> HttpResponseBase:
    """Download one plain file of a volume, or without a path a volume that is a file. No link is followed."""
    return send(request, files.download(actor_of(request), volumes.get(name), where.path))


def _as_json(found: Summary | Preview) -> HttpResponse:
    return HttpResponse(found.model_dump_json(), content_type="application/json")


def _listing(request: ApiRequest, subject: Subject, where: Where) -> dict[str, Any]:
    found = files.listing(actor_of(request), subject, where.path, page=where.page)
    if where.page > 1 and not found.entries:
        raise NotFound(f"The last page is {max(1, -(-found.total // PAGE_SIZE))}")
    return {
        "path": found.path,
        "count": found.total,
        "next": next_page(request, where.page, found.total, size=PAGE_SIZE),
        "results": found.entries,
        "changes": found.counts,
        "complete": found.complete,
    }


def send(request: ApiRequest, download: Download) -> HttpResponseBase:
    """Stream a file. Whatever it holds, a browser keeps it, and shows or runs nothing of it."""
    response = StreamingHttpResponse(left_to_the_loop(request, download), content_type="application/octet-stream")
    response["Content-Length"] = str(download.size)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=download.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
