"""Removes what nothing uses: images that apps have left, layers in no container and no image, uploads, unfinished work."""

from __future__ import annotations

from argparse import ArgumentParser

from containers.domain import amounts
from containers.host import remains
from containers.host.command import Runner
from containers.management.commands import prepare
from containers.management.following import FollowingCommand, root_actor
from containers.services import cleanup
from containers.services.cleanup import Unused


class Command(FollowingCommand):
    help = (
        "Removes images that apps have left, layers in no container and no image, uploads that no job needs, and what jobs left"
        " unfinished. Images that somebody made stay."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="only say what would go, and how much that frees")

    def handle(self, *args: object, dry_run: bool, no_wait: bool, **options: object) -> None:
        found = cleanup.find(root_actor())
        leftovers = [Unused(name, size) for name, size in remains.find(prepare.layout(), Runner()).items()]
        kinds = {"image": found.images, "layer": found.layers, "upload": found.uploads, "unfinished": leftovers}
        for kind, items in kinds.items():
            for item in items:
                self.stdout.write(f"{kind} {item.name}: {'unknown size' if item.size is None else amounts.size(item.size)}")
        self.stdout.write(f"frees {amounts.size(found.size + sum(item.size or 0 for item in leftovers))}")
        if not dry_run:
            named = {key: [item.name for item in getattr(found, key)] for key in ("images", "layers", "uploads")}
            self.follow(cleanup.request_clean_up(root_actor(), **named, leftovers=True), no_wait=no_wait)
