"""One root worker: runs jobs until it is told to stop."""

from __future__ import annotations

from django.conf import settings

from containers.management.unchecked import UncheckedCommand


class Command(UncheckedCommand):
    help = "Runs the jobs of this host, one after the other."

    def handle(self, *args: object, **options: object) -> None:
        # Imported here: only this command and the monitor may load what touches the host.
        from containers.jobs import worker

        worker.serve(settings.QUEUE)
