"""Runs this host's workers, monitor and session server, which their own commands would run one by one, in less memory."""

from __future__ import annotations

import logging
from functools import partial

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from containers.management.unchecked import UncheckedCommand

logger = logging.getLogger(__name__)


class Command(UncheckedCommand):
    help = "Runs the workers, the monitor and the session server of this host, and starts each again when it ends."

    def handle(self, *args: object, **options: object) -> None:
        # Loaded here, so that all have it from this process; this command, as theirs, may load what touches the host.
        from containers.jobs import handlers, monitor, runner, worker  # noqa: F401
        from containers.jobs.launcher import Launcher, Role
        from containers.jobs.rehearsal import rehearse
        from containers.sessions import session  # noqa: F401

        def role(command: str) -> Role:
            return Role(f"python -m manage {command}", partial(call_command, command))

        # Shared by all; the connection itself cannot be.
        rehearse()
        connections.close_all()
        logger.info(
            "listening on %s with %d workers, %d operations", settings.QUEUE, settings.JOB_WORKERS, len(handlers.HANDLERS)
        )
        Launcher([*[role("worker")] * settings.JOB_WORKERS, role("monitor"), role("sessions")]).serve()
