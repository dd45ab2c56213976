"""Pulls an image from a registry."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import CommandError

from containers.errors import SpocError
from containers.management.following import FollowingCommand, root_actor
from containers.services import image_imports


class Command(FollowingCommand):
    help = "Pulls an image from a registry, for this host's architecture."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("reference", metavar="REFERENCE", help="as for docker pull, such as debian:12")
        parser.add_argument("--image", metavar="NAME[:VERSION]", help="what it is called here, if not the same")

    def handle(self, *args: object, reference: str, image: str | None, no_wait: bool, **options: object) -> None:
        try:
            job = image_imports.request_pull(root_actor(), reference, image=image)
        except SpocError as error:
            raise CommandError(str(error)) from error
        self.follow(job, no_wait=no_wait)
