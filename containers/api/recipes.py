"""/recipes/: how images are built."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse
from ninja import Query, Schema, Status

from containers.api import schemas
from containers.api.auth import IMAGES, VIEW, ApiRequest, actor_of, require_recent
from containers.api.paging import Paged, paginate_together
from containers.api.responses import accepted
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.api.texts import QueryText
from containers.domain.image import DEFAULT_VERSION
from containers.errors import InvalidRequest, NotFound
from containers.models import Recipe
from containers.services import hosts, outlines, recipes
from containers.services.outlines import Standing
from containers.services.recipes import FileContent

router = Router(tags=["recipes"])

_BYTES: Final = {
    "responses": {
        200: {"description": "OK", "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    }
}


class RecipeIn(schemas.StrictBody):
    """A recipe of the image `name`."""

    name: str
    text: str


class TextIn(schemas.StrictBody):
    """A recipe's text; one that is not there yet is made."""

    text: str


class FileIn(schemas.StrictBody):
    """A file of a recipe: its content as text or, whatever it is, in base64 (RFC 4648)."""

    path: str
    text: str | None = None
    base64: str | None = None
    executable: bool = False

    def content(self) -> bytes:
        """Return the content. Raises InvalidRequest unless it is given in one of both ways."""
        if (self.text is None) == (self.base64 is None):
            raise InvalidRequest.of("text", "needs text or base64, and not both")
        try:
            return base64.b64decode(self.base64, validate=True) if self.base64 is not None else str(self.text).encode()
        except (binascii.Error, ValueError) as error:
            raise InvalidRequest.of("text" if self.base64 is None else "base64", f"cannot be read: {error}") from error


class BuildIn(schemas.StrictBody):
    """The version that is built, and whether also where the same was built already."""

    version: str = DEFAULT_VERSION
    force: bool = False


class FileQuery(Schema):
    path: QueryText


def recipe_rows() -> QuerySet[Recipe]:
    """Return the recipes with what `exported` looks at."""
    return hosts.recipes().select_related("host").prefetch_related(outlines.with_files())


def exported(rows: Collection[Recipe]) -> list[dict[str, Any]]:
    """Return recipes in the API's form."""
    return [_export(standing) for standing in outlines.standings(rows)]


def _export(standing: Standing) -> dict[str, Any]:
    files = standing.recipe.files.all()
    return {
        "name": standing.recipe.name,
        "text": standing.recipe.text,
        "files": [{"path": file.path, "digest": file.digest, "executable": file.is_executable} for file in files],
        "image": str(standing.image) if standing.image else None,
        "current": standing.is_current,
        "problem": standing.problem.brief if standing.problem else None,
        "job": standing.last_job.pk if standing.last_job else None,
        "updated_at": standing.recipe.updated_at,
    }


def _show(name: str) -> dict[str, Any]:
    return exported([hosts.get_recipe(name, recipe_rows())])[0]


@router.get("/recipes/", auth=VIEW, response={200: schemas.RecipePage, **ERRORS})
def list_recipes(request: ApiRequest, filters: Query[Paged]) -> dict[str, Any]:
    """List recipes by name, each with the image that was built from it last and whether it is still what it comes to."""
    return paginate_together(request, recipe_rows(), filters.page, exported)


@router.post("/recipes/", auth=IMAGES, response={201: schemas.RecipeOut, **ERRORS})
def create_recipe(request: ApiRequest, payload: RecipeIn) -> Status[dict[str, Any]]:
    """Write a new recipe. Errors name every line that is wrong."""
    recipe = recipes.save(actor_of(request), payload.name, payload.text, new=True)
    return Status(201, _show(recipe.name))


@router.get("/recipes/{name}/", auth=VIEW, response={200: schemas.RecipeOut, **ERRORS})
def show_recipe(request: ApiRequest, name: str) -> dict[str, Any]:
    return _show(name)


@router.put("/recipes/{name}/", auth=IMAGES, response={200: schemas.RecipeOut, **ERRORS})
def write_recipe(request: ApiRequest, name: str, payload: TextIn) -> dict[str, Any]:
    """Write a recipe, new or in place of the one that is there; its files stay."""
    return _show(recipes.save(actor_of(request), name, payload.text).name)


@router.delete("/recipes/{name}/", auth=IMAGES, response={204: None, **ERRORS})
def delete_recipe(request: ApiRequest, name: str) -> Status[None]:
    """Delete a recipe with its files; images that were built from it stay."""
    require_recent(request)
    recipes.delete(actor_of(request), hosts.get_recipe(name))
    return Status(204, None)


@router.get("/recipes/{name}/files/", auth=VIEW, openapi_extra=_BYTES, response=ERRORS)
def show_recipe_file(request: ApiRequest, name: str, query: Query[FileQuery]) -> HttpResponse:
    """Return what is in a file."""
    file = hosts.get_recipe(name).files.filter(path=query.path).first()
    if file is None:
        raise NotFound(f"The recipe {name} has no file {query.path}")
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(bytes(file.content), content_type="application/octet-stream", headers=headers)


@router.put("/recipes/{name}/files/", auth=IMAGES, response={200: schemas.RecipeOut, **ERRORS})
def write_recipe_file(request: ApiRequest, name: str, payload: FileIn) -> dict[str, Any]:
    """Give a recipe a file, in place of one of the same path."""
    file = FileContent(payload.content(), is_executable=payload.executable)
    recipes.put_file(actor_of(request), hosts.get_recipe(name), payload.path, file)
    return _show(name)


@router.delete("/recipes/{name}/files/", auth=IMAGES, response={204: None, **ERRORS})
def delete_recipe_file(request: ApiRequest, name: str, query: Query[FileQuery]) -> Status[None]:
    """Take a file away from a recipe; one that is not there is fine."""
    recipes.remove_file(actor_of(request), hosts.get_recipe(name), query.path)
    return Status(204, None)


@router.post("/recipes/{name}/build/", auth=IMAGES, response={202: schemas.JobRef, **ERRORS})
def build_recipe(request: ApiRequest, name: str, payload: BuildIn | None = None) -> HttpResponse:
    """Build the image; what was built from the same already is not built again, unless forced."""
    given = payload or BuildIn()
    recipe = hosts.get_recipe(name, recipe_rows())
    return accepted(recipes.request_build(actor_of(request), recipe, given.version, force=given.force))
