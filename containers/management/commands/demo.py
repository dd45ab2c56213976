"""Makes the demo."""

from __future__ import annotations

from containers.management.following import FollowingCommand, root_actor
from containers.services import demo


class Command(FollowingCommand):
    help = "Makes the demo: a layer from the host's busybox and three containers that depend on one another."

    def handle(self, *args: object, no_wait: bool, **options: object) -> None:
        self.follow(demo.request_demo(root_actor()), no_wait=no_wait)
