"""Recipes as rows with their files: written, removed, built. What they come to stands in `outlines`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import transaction

from containers.domain import recipe as recipes
from containers.domain.image import ImageRef, image_name
from containers.domain.states import Operation
from containers.errors import Conflict, InvalidRequest
from containers.models import Job, Recipe, RecipeFile
from containers.services import access, audit, hosts, inputs, outlines
from containers.services.actor import Actor
from containers.services.queue import queue

MAX_FILE_BYTES: Final = 4 << 20
MAX_TOTAL_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class FileContent:
    """A file that is given to a recipe."""

    content: bytes
    is_executable: bool = False


def save(actor: Actor, name: str, text: str, *, new: bool = False) -> Recipe:
    """Write the recipe of the image `name`; line ends become those of Unix. Where nothing differs, nothing is written.

    Raises InvalidRequest with every line that is wrong (whether what it names exists is asked when it is built), and
    Conflict where there is one and a `new` one was meant.
    """
    access.require(actor, "images")
    _check_name(name)
    text = text.replace("\r\n", "\n")
    recipes.parse(text)
    with transaction.atomic():
        host = hosts.lock()
        row = Recipe.objects.filter(host=host, name=name).first()
        if row and new:
            raise Conflict(f"There is a recipe {name} already")
        if row is None:
            row = Recipe.objects.create(host=host, name=name, text=text)
            audit.record(actor, "recipe.create", name, {"after": {"text": text}})
        elif row.text != text:
            before, row.text = row.text, text
            row.save(update_fields=["text", "updated_at"])
            audit.record(actor, "recipe.update", name, {"before": {"text": before}, "after": {"text": text}})
    return row


def delete(actor: Actor, recipe: Recipe) -> None:
    """Delete a recipe with its files; what was built from it stays."""
    access.require(actor, "images")
    with transaction.atomic():
        audit.record(actor, "recipe.delete", recipe.name, {"before": {"text": recipe.text, "files": sorted(_paths(recipe))}})
        Recipe.objects.filter(pk=recipe.pk).delete()


def put_file(actor: Actor, recipe: Recipe, path: str, file: FileContent) -> RecipeFile:
    """Give a recipe a file, in place of one of the same path. Raises InvalidRequest where it, or all together, is too much."""
    put_files(actor, recipe, {path: file})
    return recipe.files.get(path=path)


def put_files(actor: Actor, recipe: Recipe, files: Mapping[str, FileContent]) -> None:
    """Give a recipe files, all or none; others that it has stay."""
    access.require(actor, "images")
    for path in files:
        check_path(path)
    with transaction.atomic():
        hosts.lock()
        kept = {row.path: len(row.content) for row in recipe.files.all() if row.path not in files}
        _check_amount(kept, files)
        before = dict(recipe.files.values_list("path", "digest"))
        for path, file in files.items():
            digest = hashlib.sha256(file.content).hexdigest()
            values = {"content": file.content, "is_executable": file.is_executable, "digest": digest}
            RecipeFile.objects.update_or_create(recipe=recipe, path=path, defaults=values)
            _record_file(actor, recipe, path, before.get(path), digest)


def replace_files(actor: Actor, recipe: Recipe, files: Mapping[str, FileContent]) -> None:
    """Give a recipe these files and no others."""
    with transaction.atomic():
        for path in set(_paths(recipe)) - files.keys():
            remove_file(actor, recipe, path)
        put_files(actor, recipe, files)


def remove_file(actor: Actor, recipe: Recipe, path: str) -> None:
    """Take a file away from a recipe; one that is not there is fine."""
    access.require(actor, "images")
    with transaction.atomic():
        digest = recipe.files.filter(path=path).values_list("digest", flat=True).first()
        if digest is not None:
            recipe.files.filter(path=path).delete()
            _record_file(actor, recipe, path, digest, None)


def request_build(actor: Actor, recipe: Recipe, version: str, *, force: bool = False) -> Job:
    """Queue the build of the recipe's image in that version. What was built already is recognised, unless `force`.

    Raises InvalidRequest with every line that is wrong, or names what is not there.
    """
    access.require(actor, "images")
    ref = ImageRef.parse(f"{recipe.name}:{version}", field="version")
    outlines.of(recipe)
    digests = dict(recipe.files.values_list("path", "digest"))
    given = {"recipe": recipe.text, "files": digests, "force": force}
    parsed = inputs.parse(Operation.IMAGE_BUILD, given, idmap_size=settings.IDMAP_SIZE)
    with transaction.atomic():
        job = queue(actor, Operation.IMAGE_BUILD, [str(ref)], parsed.export(), host=recipe.host)
        audit.record(actor, "image.build", str(ref), {"files": digests, "force": force}, job)
    return job


def _paths(recipe: Recipe) -> list[str]:
    return list(recipe.files.values_list("path", flat=True))


def _record_file(actor: Actor, recipe: Recipe, path: str, before: str | None, after: str | None) -> None:
    if before != after:
        audit.record(actor, "recipe.file", recipe.name, {"path": path, "before": before, "after": after})


def _check_name(name: str) -> None:
    try:
        image_name(name)
    except ValueError as error:
        raise InvalidRequest.of("name", str(error)) from error


def check_path(path: str) -> None:
    """Raise InvalidRequest unless a file of a recipe can have this path."""
    try:
        recipes.file_path(path)
    except ValueError as error:
        raise InvalidRequest.of("path", str(error)) from error


def _check_amount(kept: Mapping[str, int], files: Mapping[str, FileContent]) -> None:
    for path, file in files.items():
        if len(file.content) > MAX_FILE_BYTES:
            raise InvalidRequest.of("content", f"{path} has more than {MAX_FILE_BYTES >> 20} MiB: have RUN download it")
    if len(kept) + len(files) > recipes.MAX_FILES:
        raise InvalidRequest.of("path", f"a recipe has at most {recipes.MAX_FILES} files")
    if sum(kept.values()) + sum(len(file.content) for file in files.values()) > MAX_TOTAL_BYTES:
        raise InvalidRequest.of("content", f"the files of a recipe have at most {MAX_TOTAL_BYTES >> 20} MiB together")
