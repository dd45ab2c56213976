"""Works with what containers have written since they were started or mounted: looked into, kept as a layer, thrown away."""

from __future__ import annotations

from typing import Any

from containers.domain.states import Operation
from containers.management.browsing import BrowsingCommand
from containers.management.following import root_actor
from containers.models import Container
from containers.services import hosts, layers, operations


class Command(BrowsingCommand):
    help = "Looks into the ephemeral layer of a container, keeps it as a layer, or throws it away."

    def add_actions(self) -> None:
        self.telling_action("summary", self.summary, "show its size and changes, in numbers", "name")
        self.add_browsing()
        keep = self.job_action("keep", self.keep, "copy it into a new layer; what runs is frozen meanwhile", "name", "layer")
        keep.add_argument("--image", metavar="NAME[:VERSION]", help="make an image with that layer on top, too")
        reset = self.job_action("reset", self.reset, "throw it away; what runs is restarted for it")
        reset.add_argument("names", metavar="NAME", nargs="+")

    def find(self, name: str) -> Container:
        """Return a container."""
        return hosts.get_container(name)

    def keep(self, *, name: str, layer: str, image: str | None, no_wait: bool, **options: Any) -> None:
        """Keep what a container has written."""
        self.follow(layers.request_commit(root_actor(), hosts.get_container(name), layer, image=image), no_wait=no_wait)

    def reset(self, *, names: list[str], no_wait: bool, **options: Any) -> None:
        """Throw away what containers have written."""
        self.follow(operations.request(root_actor(), Operation.RESET, names), no_wait=no_wait)
