"""What recipes come to with what is there now, and whether their images are that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db.models import Prefetch

from containers.domain import build as building
from containers.domain import recipe as recipes
from containers.domain.build import Build, FileFacts
from containers.domain.states import Operation
from containers.errors import InvalidRequest
from containers.models import Image, Job, Recipe, RecipeFile
from containers.services import hosts
from containers.services.parents import Catalogue, Parents

# Among so many of the newest builds a recipe's last one is looked for.
LAST_BUILDS: Final = 500


@dataclass(frozen=True)
class Outline:
    """A recipe's parents, its build, and the build's key."""

    parents: Parents
    build: Build
    key: str


@dataclass(frozen=True)
class Standing:
    """A recipe and its image: the newest version, if there is one; `problem` is why it could not be built now."""

    recipe: Recipe
    image: Image | None
    is_current: bool
    problem: InvalidRequest | None
    last_job: Job | None


def of(recipe: Recipe) -> Outline:
    """Look at what a recipe comes to now. Raises InvalidRequest."""
    return of_text(recipe.text, facts(recipe.files.defer("content")))


def of_text(text: str, files: Mapping[str, FileFacts], catalogue: Catalogue | None = None) -> Outline:
    """Return what a recipe's text comes to with such files. Raises InvalidRequest with the lines."""
    parsed = recipes.parse(text)
    found = (catalogue or Catalogue.load()).find(parsed.parents)
    made = building.build(parsed, found.defaults, files, idmap_size=settings.IDMAP_SIZE)
    return Outline(found, made, made.key(found.identities, files))


def facts(rows: Iterable[RecipeFile]) -> dict[str, FileFacts]:
    """Return what a build asks of files."""
    return {row.path: FileFacts(row.digest, is_executable=row.is_executable) for row in rows}


def with_files() -> Prefetch[str]:
    """Return how to load the files of recipes, without what is in them."""
    return Prefetch("files", RecipeFile.objects.defer("content"))


def standings(rows: Collection[Recipe]) -> list[Standing]:
    """Look at recipes, loaded `with_files()`, and their images: four queries, however many there are."""
    catalogue = Catalogue.load()
    builds = hosts.jobs().filter(operation=Operation.IMAGE_BUILD).defer("inputs", "error").order_by("-pk")[:LAST_BUILDS]
    last: dict[str, Job] = {}
    for job in builds if rows else ():
        for target in job.targets:
            last.setdefault(str(target).partition(":")[0], job)
    return [_standing(row, catalogue, last.get(row.name)) for row in rows]


def _standing(recipe: Recipe, catalogue: Catalogue, last_job: Job | None) -> Standing:
    image = catalogue.newest(recipe.name)
    try:
        now = of_text(recipe.text, facts(recipe.files.all()), catalogue)
    except InvalidRequest as problem:
        return Standing(recipe, image, is_current=False, problem=problem, last_job=last_job)
    return Standing(recipe, image, image is not None and is_current(image, now), None, last_job)


def is_current(image: Image, now: Outline) -> bool:
    """Return whether an image is what its recipe comes to; load it `with_layers()`.

    The number of a user that the recipe names is known only inside the image: it is not compared.
    """
    stack = [use.layer for use in image.image_layers.all()]
    below = stack[:-1] if now.build.makes_layer else stack
    if [layer.pk for layer in below] != [layer.pk for layer in now.parents.layers]:
        return False
    if now.build.makes_layer and (not stack or stack[-1].build_key != now.key):
        return False
    ids = {"uid", "gid"} if now.build.identity else set[str]()
    wanted = {key: value for key, value in now.build.defaults.export().items() if key not in ids}
    return {key: value for key, value in image.defaults.items() if key not in ids} == wanted
