"""Works with images: listed, shown, removed."""

from __future__ import annotations

from typing import Any

from containers.api import exports
from containers.management.acting import ActingCommand
from containers.management.following import root_actor
from containers.services import hosts, images


class Command(ActingCommand):
    help = "Lists, shows and removes images. `build`, `importimage`, `pullimage` and `repository fetch` make them."

    def add_actions(self) -> None:
        self.telling_action("list", self.list_images, "list all versions of all images: name, version, size, who stands on them")
        shown = self.telling_action("show", self.show, "show one image")
        removed = self.job_action("remove", self.remove, "remove an image that nothing stands on, and layers that only it uses")
        for parser in (shown, removed):
            parser.add_argument("image", metavar="NAME[:VERSION]", help="its newest version unless one is given")

    def list_images(self, *, as_json: bool, **options: Any) -> None:
        """Print all images by name, the newest version of each first."""
        rows = exports.images(list(hosts.images().with_layers()))
        self.print_rows(rows, ("name", "version", "size", "used_by"), as_json=as_json)

    def show(self, *, image: str, as_json: bool, **options: Any) -> None:
        """Print one image."""
        (row,) = exports.images([hosts.get_image(image, hosts.images().with_layers())])
        self.print_details(row, as_json=as_json)

    def remove(self, *, image: str, no_wait: bool, **options: Any) -> None:
        """Remove an image."""
        row = hosts.get_image(image, hosts.images().select_related("host").with_layers())
        self.follow(images.request_remove(root_actor(), row), no_wait=no_wait)
