"""The monitor: brings container states into the database until it is told to stop."""

from __future__ import annotations

import signal
import threading

from django.conf import settings

from containers.management.unchecked import UncheckedCommand
from containers.models import Host


class Command(UncheckedCommand):
    help = "Watches this host's containers."

    def handle(self, *args: object, **options: object) -> None:
        # Imported here: only this command and the worker may load what touches the host.
        from containers.jobs.monitor import Monitor

        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        Monitor(Host.objects.get(name=settings.HOST)).serve(stop)
