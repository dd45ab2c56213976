"""Runs worker and monitor, which `worker` and `monitor` would run one by one, in less memory."""

from __future__ import annotations

from functools import partial

from django.core.management import call_command
from django.core.management.base import BaseCommand

ROLES = ("worker", "monitor")


class Command(BaseCommand):
    help = "Runs worker and monitor of this host, and starts them again when they end."
    requires_system_checks = []

    def handle(self, *args: object, **options: object) -> None:
        # Loaded here, so that both have it from this process; this command, as theirs, may load what touches the host.
        from containers.jobs import monitor, worker  # noqa: F401
        from containers.jobs.launcher import Launcher

        Launcher({f"python -m manage {role}": partial(call_command, role) for role in ROLES}).serve()
