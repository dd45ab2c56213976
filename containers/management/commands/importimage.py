"""Imports an image from a file or directory on this host."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import CommandError

from containers.errors import SpocError
from containers.management.following import FollowingCommand, root_actor
from containers.services import image_imports


class Command(FollowingCommand):
    help = "Imports an OCI archive, a directory with an OCI layout, or an archive of `docker save` as an image."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", metavar="PATH", type=Path, help="below one of the directories of SPOCWEB_IMPORT_DIRS")
        parser.add_argument("--image", metavar="NAME[:VERSION]", required=True, help="what it is called here")
        parser.add_argument("--pick", metavar="NAME", help="which one, where there are several images in it")

    def handle(self, *args: object, path: Path, image: str, pick: str | None, no_wait: bool, **options: object) -> None:
        try:
            job = image_imports.request_import(root_actor(), image, path=str(path.absolute()), pick=pick)
        except SpocError as error:
            raise CommandError(str(error)) from error
        self.follow(job, no_wait=no_wait)
