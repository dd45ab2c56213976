"""The base of all commands of the panel."""

from __future__ import annotations

from django.core.management.base import BaseCommand


class UncheckedCommand(BaseCommand):
    """A command that answers at once: Django's checks of models, addresses and templates are left to `make check`.

    They take two seconds, and 15 MB that no process of root's needs: they load the pages. They would also stop `doctor`, which is
    asked when something is wrong.
    """

    requires_system_checks = []
