"""Exports an image."""

from __future__ import annotations

from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Final

from django.core.management.base import CommandError

from containers.domain.image import ImageRef
from containers.management import saving
from containers.management.following import FollowingCommand, root_actor
from containers.services import exported, hosts

_CHUNK: Final = 1 << 20


class Command(FollowingCommand):
    help = "Writes an image as one signed file into the host's own repository, and to another place if one is named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("image", metavar="NAME[:VERSION]", help="the image; its newest version unless one is given")
        parser.add_argument("--to", type=Path, metavar="FILE", help="copy the file there, too; it must not exist yet")

    def handle(self, *args: object, image: str, to: Path | None, no_wait: bool, **options: object) -> None:
        if to is not None and no_wait:
            raise CommandError("--to and --no-wait do not go together: there is nothing to copy yet")
        row = hosts.get_image(image, hosts.images().select_related("host"))
        self.follow(exported.request_export(root_actor(), row), no_wait=no_wait)
        if to is not None:
            self.copy(row.ref, to)

    def copy(self, ref: ImageRef, to: Path) -> None:
        """Copy the exported file; a copy that breaks off does not stay."""
        _, source = exported.open_file(ref)
        with source:
            saving.save(iter(partial(source.read, _CHUNK), b""), to)
        self.stdout.write(f"written to {to}")
