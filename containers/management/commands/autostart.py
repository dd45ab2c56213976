"""Starts what is to run from boot on."""

from __future__ import annotations

from containers.domain.states import Operation
from containers.management.following import FollowingCommand, root_actor
from containers.services import operations


class Command(FollowingCommand):
    help = "Starts every container that has autostart, and what those depend on, in order."

    def handle(self, *args: object, no_wait: bool, **options: object) -> None:
        self.follow(operations.request(root_actor(), Operation.AUTOSTART), no_wait=no_wait)
