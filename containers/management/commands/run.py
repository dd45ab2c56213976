"""Prepares, then becomes the supervisor of the panel's processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from django.conf import settings

from containers.host import stack
from containers.management.commands import prepare

CONFIGURATION: Final = settings.BASE_DIR / "spocweb" / "supervisord.conf"
# What the processes get to see of the environment; whatever else root's shell holds is none of the web process's.
KEPT: Final = frozenset({"PYTHONPATH", "PYTHONSAFEPATH", "PYTHONUNBUFFERED", "DJANGO_SETTINGS_MODULE"})
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Command(prepare.Command):
    help = "Prepares, then runs the panel in the foreground until SIGTERM or SIGINT; containers go on running."

    def handle(self, *args: object, **options: object) -> None:
        super().handle(*args, **options)
        if database := prepare.sqlite_file():
            stack.hold_database(database)
        argv = [sys.executable, "-m", "spocweb.supervise", "-n", "-c", str(CONFIGURATION)]
        sys.stdout.flush()
        os.chdir("/")
        os.execve(sys.executable, argv, environment())  # noqa: S606  no shell is wanted


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("SPOCWEB_")}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        # Each thread that allocates would otherwise get an arena of its own.
        "MALLOC_ARENA_MAX": "2",
        "SPOCWEB_RUN_DIR": str(settings.RUN_DIR),
        "SPOCWEB_WEB_USER": settings.WEB_USER,
        "SPOCWEB_REDIS_USER": settings.REDIS_USER,
        "SPOCWEB_HAS_PRIVATE_REDIS": str(settings.HAS_PRIVATE_REDIS).lower(),
    }
