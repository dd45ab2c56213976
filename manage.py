#!/usr/bin/env python3
"""Django's command line, with the project's settings."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spocweb.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    from containers.errors import SpocError

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, SpocError) as error:
        # A wrong value, a taken port, a missing tool: what to do about it is one line, not a traceback.
        sys.exit(f"spocweb: {error}")
    except (OperationalError, ProgrammingError) as error:
        sys.exit(f"spocweb: The database: {str(error).strip()}\n`make run` prepares it, or says what is missing.")


if __name__ == "__main__":
    main()
