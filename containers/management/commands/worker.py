"""One root worker: runs jobs until it is told to stop."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Runs the jobs of this host, one after the other."
    # They load the pages: 15 MB that this process never needs. `make check` and `doctor` are for that.
    requires_system_checks = []

    def handle(self, *args: object, **options: object) -> None:
        # Imported here: only this command and the monitor may load what touches the host.
        from containers.jobs import worker

        worker.serve(settings.QUEUE)
