"""Builds an image from a recipe in a file."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from containers.domain.image import ImageRef
from containers.domain.recipe import parse
from containers.errors import InvalidRequest, SpocError
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
        try:
            job = _request(file, ImageRef.parse(image), force=force)
        except InvalidRequest as error:
            lines = [f"{item.field}: {item.message}" if item.field else item.message for item in error.errors] or [error.brief]
            raise CommandError("\n".join([f"{file} cannot be built", *lines])) from error
        except SpocError as error:
            raise CommandError(str(error)) from error
        self.follow(job, no_wait=no_wait, output=True)


def _request(file: str, ref: ImageRef, *, force: bool) -> Job:
    text = _read(file)
    files = beside.read(Path(file).parent if file != "-" else Path(), parse(text))
    with transaction.atomic():
        recipe = recipes.save(root_actor(), ref.name, text)
        recipes.replace_files(root_actor(), recipe, files)
        return recipes.request_build(root_actor(), recipe, ref.version, force=force)


def _read(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not text in UTF-8: {error.reason} at byte {error.start}") from error
