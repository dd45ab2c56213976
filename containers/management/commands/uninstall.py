"""Takes back what the panel did to the host's network; directories, code and user are bin/uninstall's."""

from __future__ import annotations

from argparse import ArgumentParser

from django.conf import settings

from containers.errors import Conflict
from containers.host import facts, network, stack
from containers.host.command import Runner
from containers.management.commands import prepare
from containers.management.unchecked import UncheckedCommand


class Command(UncheckedCommand):
    help = "Removes the bridge and its firewall table. Refuses while containers run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="even if containers run: they lose their network")

    def handle(self, *args: object, force: bool, **options: object) -> None:
        stack.require_root()
        stack.lock([settings.DATA_DIR / "stack.lock", prepare.bridge_lock()])
        running = sorted(facts.running_names(prepare.layout()))
        if running and not force:
            raise Conflict(
                f"Containers run: {', '.join(running)}", resolution='Stop them with `make manage ARGS="shutdown"`, or say FORCE=1'
            )
        network.remove(settings.BRIDGE, Runner())
        prepare.bridge_lock().unlink()
