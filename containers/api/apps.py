"""/apps/: what can be installed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated, Any

from django.http import HttpResponse
from ninja import Schema
from pydantic import Field

from containers.api import exports, schemas
from containers.api.auth import IMAGES, SEE, ApiRequest, actor_of, require_recent
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.catalog import apps
from containers.catalog.apps import App
from containers.services import app_sources

router = Router(tags=["apps"])


class SourceOut(Schema):
    repository: str
    location: str
    public_key: str
    sha256: str
    fetched: datetime.datetime


class AppOut(Schema):
    name: str
    version: str
    title: str
    description: str
    licence: str
    categories: list[str]
    questions: list[schemas.QuestionOut]
    source: Annotated[SourceOut | None, Field(description="The repository that it was fetched from, and who signed it")]
    newer: Annotated[str | None, Field(description="The version that this repository has, where it is a newer one")]


class AppPage(Schema):
    count: int
    next: str | None
    results: list[AppOut]


def _apps(found: Sequence[App]) -> list[dict[str, Any]]:
    newer = app_sources.newer(found)
    return [{**_app(app), "newer": newer[app.name].version if app.name in newer else None} for app in found]


def _app(app: App) -> dict[str, Any]:
    about = app.manifest
    keys = ("name", "version", "title", "description", "licence")
    return {
        **{key: getattr(about, key) for key in keys},
        "categories": list(about.categories),
        "questions": [exports.question(question) for question in about.questions],
        "source": app.origin.model_dump() if app.origin else None,
    }


@router.get("/apps/", auth=SEE, response={200: AppPage, **ERRORS})
def list_apps(request: ApiRequest) -> dict[str, Any]:
    """List the catalogue."""
    found, _ = apps.listing()
    return {"count": len(found), "next": None, "results": _apps(found)}


@router.get("/apps/{name}/", auth=SEE, response={200: AppOut, **ERRORS})
def show_app(request: ApiRequest, name: str) -> dict[str, Any]:
    return _apps([apps.find(name)])[0]


@router.delete("/apps/{name}/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def remove_app(request: ApiRequest, name: str) -> HttpResponse:
    """Remove an app from the catalogue that was fetched from a repository and is not installed."""
    require_recent(request)
    return accepted(app_sources.request_removal(actor_of(request), name))


@router.post("/apps/{name}/publish/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def publish_app(request: ApiRequest, name: str) -> HttpResponse:
    """Write the app as one file into the host's own repository, in place of any version of it that is there."""
    return accepted(app_sources.request_publication(actor_of(request), name))


@router.post("/apps/{name}/withdraw/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def withdraw_app(request: ApiRequest, name: str) -> HttpResponse:
    """Remove an app from the host's own repository; in the catalogue it stays."""
    return accepted(app_sources.request_withdrawal(actor_of(request), name))
