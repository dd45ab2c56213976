"""Makes a layer of a Debian base system."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import CommandError

from containers.domain.bootstrap import Tool, Variant
from containers.errors import SpocError
from containers.management.following import FollowingCommand, root_actor
from containers.services import layers


class Command(FollowingCommand):
    help = "Makes a layer of a Debian base system, with mmdebstrap or debootstrap."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="of the layer")
        parser.add_argument("--suite", default="stable", help="the release: bookworm, trixie, stable …")
        parser.add_argument("--variant", choices=list(Variant), default=Variant.MINBASE.value, help="which packages come unasked")
        parser.add_argument("--package", action="append", default=[], dest="packages", metavar="NAME", help="one more package")
        parser.add_argument("--mirror", metavar="URL", help="where packages come from, if not from the host's own mirror")
        parser.add_argument("--tool", choices=list(Tool), help="the program that makes it, if not the one that is there")

    def handle(self, *args: object, name: str, no_wait: bool, **options: object) -> None:
        keys = ("suite", "variant", "packages", "mirror", "tool")
        given = {key: options[key] for key in keys if options[key] is not None}
        try:
            job = layers.request_bootstrap(root_actor(), name, given)
        except SpocError as error:
            raise CommandError(str(error)) from error
        self.follow(job, no_wait=no_wait)
