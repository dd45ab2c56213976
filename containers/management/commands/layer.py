"""Works with layers: listed, shown, imported, removed, looked into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from containers.api import exports
from containers.management.browsing import BrowsingCommand
from containers.management.following import root_actor
from containers.models import Layer
from containers.services import hosts, layers


class Command(BrowsingCommand):
    help = "Lists, shows, imports and removes layers, and looks into them. `bootstrap` makes one, `ephemeral keep` too."

    def add_actions(self) -> None:
        self.telling_action("list", self.list_layers, "list the layers: name, size, source, who uses them")
        self.telling_action("show", self.show, "show one layer", "name")
        self.telling_action("summary", self.summary, "show size and changes of a layer, in numbers", "name")
        imported = self.job_action("import", self.import_layer, "import a layer from a tar archive or a directory", "name")
        imported.add_argument("path", metavar="PATH", type=Path, help="below one of the directories of SPOCWEB_IMPORT_DIRS")
        self.job_action("remove", self.remove, "remove a layer that nothing uses", "name")
        self.add_browsing()

    def find(self, name: str) -> Layer:
        """Return a layer."""
        return hosts.get_layer(name)

    def list_layers(self, *, as_json: bool, **options: Any) -> None:
        """Print all layers by name."""
        rows = exports.layers(hosts.layers().with_users())
        self.print_rows(rows, ("name", "size", "source", "used_by", "images"), as_json=as_json)

    def show(self, *, name: str, as_json: bool, **options: Any) -> None:
        """Print one layer."""
        self.print_details(exports.layer(hosts.get_layer(name, hosts.layers().with_users())), as_json=as_json)

    def import_layer(self, *, name: str, path: Path, no_wait: bool, **options: Any) -> None:
        """Import a layer."""
        self.follow(layers.request_import(root_actor(), name, path=str(path.absolute())), no_wait=no_wait)

    def remove(self, *, name: str, no_wait: bool, **options: Any) -> None:
        """Remove a layer."""
        layer = hosts.get_layer(name, hosts.layers().select_related("host"))
        self.follow(layers.request_remove(root_actor(), layer), no_wait=no_wait)
