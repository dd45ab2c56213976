"""The API as one object: its parts, its document, its errors."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from django.http import HttpRequest
from django.urls import register_converter
from django.urls.converters import PathConverter
from ninja import NinjaAPI
from ninja.errors import ValidationErrorContext
from ninja.operation import Operation

from containers.api import (
    accounts,
    apps,
    audit,
    backups,
    cleanup,
    containers,
    drift,
    errors,
    events,
    files,
    graph,
    image_imports,
    images,
    installations,
    jobs,
    layers,
    metrics,
    operations,
    recipes,
    repositories,
    storage,
    terminals,
    tokens,
    transfer,
)
from containers.api.auth import OPERATE
from containers.api.document import made_once
from containers.api.parsing import StrictParser
from containers.api.routing import Router
from containers.errors import NotFound

DESCRIPTION: Final = """LXC containers of one host: defined, started in dependency order, on record.

Send `Authorization: Bearer TOKEN`. Errors are `{"code", "message", "field"?}`. Host work is answered with 202 and the id
of a job, which `/jobs/{job_id}/` and `/events/` follow."""


class Api(NinjaAPI):
    """ninja's API, with what is not valid said in our words."""

    def validation_error_from_error_contexts(self, error_contexts: list[ValidationErrorContext[Any]]) -> NoReturn:
        raise errors.invalid(error_contexts)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__


class SlashedPath(PathConverter):
    """Any path that ends in a slash: one that lacks it is for Django to redirect."""

    regex = ".*/"


register_converter(SlashedPath, "slashed")
elsewhere = Router()
METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@elsewhere.api_operation(METHODS, "/", auth=None, include_in_schema=False)
def no_page(request: HttpRequest) -> NoReturn:
    raise NotFound("There is nothing here; openapi.json says what there is")


@elsewhere.api_operation(METHODS, "/{slashed:path}", auth=None, include_in_schema=False)
def no_such_path(request: HttpRequest, path: str) -> NoReturn:
    raise NotFound("There is nothing here")


api = Api(
    title="spocweb",
    version="1",
    description=DESCRIPTION,
    openapi_url="/openapi.json",
    docs_url=None,
    docs_decorator=made_once,
    urls_namespace="api-v1",
    auth=OPERATE,
    parser=StrictParser(),
    default_router=Router(),
)
errors.install(api)
for part in (
    apps,
    installations,
    backups,
    audit,
    containers,
    drift,
    operations,
    graph,
    transfer,
    image_imports,
    images,
    recipes,
    layers,
    cleanup,
    files,
    repositories,
    jobs,
    metrics,
    terminals,
    events,
    storage,
    tokens,
    accounts,
):
    api.add_router("", part.router)
api.add_router("", elsewhere)
