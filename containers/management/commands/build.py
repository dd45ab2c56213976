"""Builds an image from a recipe in a file."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db import transaction

from containers.domain.image import ImageRef
from containers.management import beside
from containers.management.following import FollowingCommand, root_actor
from containers.models import Job
from containers.services import recipes


class Command(FollowingCommand):
    help = (
        "Builds an image from a recipe in a file, with the files beside it that it copies, prints what is done, and fails"
        " where it fails. Recipe and files are kept under the image's name."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", help="the recipe, or - for standard input (files: in this directory)")
        parser.add_argument(
            "--image", metavar="NAME[:VERSION]", required=True, help="what is built; the version is `latest` if not given"
        )
        parser.add_argument("--force", action="store_true", help="build again what was built from the same already")

    def handle(self, *args: object, file: str, image: str, force: bool, no_wait: bool, **options: Any) -> None:
        with beside.refused(f"{file} cannot be built"):
            job = _request(file, ImageRef.parse(image), force=force)
        self.follow(job, no_wait=no_wait, output=True)


def _request(file: str, ref: ImageRef, *, force: bool) -> Job:
    text, files = beside.recipe(file)
    with transaction.atomic():
        recipe = recipes.save(root_actor(), ref.name, text)
        recipes.replace_files(root_actor(), recipe, files)
        return recipes.request_build(root_actor(), recipe, ref.version, force=force)
