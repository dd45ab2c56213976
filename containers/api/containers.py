"""/containers/: what is defined, and how it is."""

from __future__ import annotations

from typing import Annotated, Any

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from ninja import Body, Query, Schema
from pydantic import Field

from containers.api import exports, schemas
from containers.api.auth import DESTROY, EDIT, SEE, ApiRequest, actor_of, require_recent
from containers.api.paging import Paged, paginate
from containers.api.responses import PLAIN_TEXT, accepted, plain_text
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.api.texts import QueryText
from containers.choices import ContainerState
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.errors import InvalidRequest
from containers.models import Container
from containers.services import containers, disclosure, images, logs, operations, sight

router = Router(tags=["containers"])


class ContainerFilter(Paged):
    search: QueryText = ""
    state: ContainerState | None = None


class LogFilter(Schema):
    lines: Annotated[int | None, Field(ge=1, le=logs.MOST_LINES, description="The last ones; all that is kept if left out")] = (
        None
    )
    search: QueryText = ""


class Removal(Schema):
    volumes: bool = False


def get_container(name: str) -> Container:
    return sight.container(name, sight.containers().with_definition())


@router.get("/containers/", auth=SEE, response={200: schemas.ContainerPage, **ERRORS})
def list_containers(request: ApiRequest, filters: Query[ContainerFilter]) -> dict[str, Any]:
    """List containers by name; `search` looks in names, descriptions and addresses."""
    rows = sight.containers().with_definition()
    if filters.search:
        rows = rows.search(filters.search)
    if filters.state:
        rows = rows.filter(state=filters.state)
    return paginate(request, rows, filters.page, exports.container)


@router.post("/containers/", auth=EDIT, response={201: schemas.ContainerOut, **ERRORS})
def create_container(request: ApiRequest, payload: Body[schemas.NewContainer]) -> HttpResponse:
    """Define a container, from scratch or from an `image`, and queue the job that makes its directories, which `job` names."""
    spec = ContainerSpec.parse(images.filled_in(payload), idmap_size=settings.IDMAP_SIZE)
    row, _job = containers.create_container(actor_of(request), spec)
    location = f"/api/v1/containers/{row.name}/"
    return JsonResponse(exports.container(get_container(row.name)), status=201, headers={"Location": location})


@router.get("/containers/{name}/", auth=SEE, response={200: schemas.ContainerOut, **ERRORS})
def show_container(request: ApiRequest, name: str) -> dict[str, Any]:
    return exports.container(get_container(name))


@router.patch("/containers/{name}/", auth=EDIT, response={200: schemas.ContainerOut, **ERRORS})
def change_container(request: ApiRequest, name: str, payload: Body[schemas.Changes]) -> dict[str, Any]:
    """Change any of the keys of a new container but its name.

    A `definition` replaces the old one as a whole; `limits` and `timeouts` are merged key by key, null or the default
    takes one back. With `revision`, the change is refused with 409 when somebody else has saved in between.
    What runs is not touched: `pending` says when a restart is needed.
    """
    row = get_container(name)
    changes = _changes(name, payload)
    expected = changes.pop("revision", None)
    return exports.container(containers.update_container(actor_of(request), row, changes, expected_revision=expected))


def _changes(name: str, payload: Any) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise InvalidRequest.of("", "must be an object")
    changes = dict(payload)
    if changes.pop("name", name) != name:
        raise InvalidRequest.of("name", "cannot be changed")
    _check_revision(changes.get("revision"))
    return changes


def _check_revision(number: object) -> None:
    if number is not None and (isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**31):
        raise InvalidRequest.of("revision", "must be a number that the container had or has")


@router.delete("/containers/{name}/", auth=DESTROY, response={202: schemas.JobRef, **ERRORS})
def destroy_container(request: ApiRequest, name: str, filters: Query[Removal]) -> HttpResponse:
    """Stop and destroy the container. Its volumes stay, unless `volumes` is true."""
    row = sight.container(name)
    require_recent(request)
    inputs = {"volumes": operations.volumes_of(row.name)} if filters.volumes else {}
    return accepted(operations.request(actor_of(request), Operation.DESTROY, [row.name], inputs))


@router.get("/containers/{name}/config/", auth=SEE, response=ERRORS, openapi_extra=PLAIN_TEXT)
def show_config(request: ApiRequest, name: str) -> HttpResponse:
    """Return the LXC configuration as the next start will write it, as plain text."""
    rows = sight.containers().select_related("host").with_definition()
    return plain_text(disclosure.config_of(sight.container(name, rows)))


@router.get("/containers/{name}/log/", auth=SEE, response=ERRORS, openapi_extra=PLAIN_TEXT)
def show_log(request: ApiRequest, name: str, filters: Query[LogFilter]) -> HttpResponse:
    """Return the end of the container's console log, as plain text; with `search`, only lines that hold it, in any case."""
    row = sight.container(name)
    if filters.lines is None and not filters.search:
        return plain_text(logs.tail(row.name))
    piece = logs.last(row.name, filters.lines or logs.MOST_LINES, filters.search)
    return plain_text("".join(f"{line}\n" for line in piece.lines) + piece.rest)


@router.get("/containers/{name}/revisions/", auth=SEE, response={200: schemas.RevisionPage, **ERRORS})
def list_revisions(request: ApiRequest, name: str, filters: Query[Paged]) -> dict[str, Any]:
    """List what each save made of the container, newest first; defaults are left out of `data`."""
    rows = sight.container(name).revisions.all()
    return paginate(request, rows, filters.page, exports.revision)
