"""Stops everything."""

from __future__ import annotations

from containers.domain.states import Operation
from containers.management.following import FollowingCommand, root_actor
from containers.services import operations


class Command(FollowingCommand):
    help = "Stops every container that runs, in order: what depends on others first."

    def handle(self, *args: object, no_wait: bool, **options: object) -> None:
        self.follow(operations.request(root_actor(), Operation.SHUTDOWN), no_wait=no_wait)
