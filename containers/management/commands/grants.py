"""Prints, or gives, what the panel's roles may do in its PostgreSQL database."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection, transaction

from containers.errors import Conflict
from containers.management.owning import as_owner
from containers.management.unchecked import UncheckedCommand
from containers.services import grants


class Command(UncheckedCommand):
    help = "Prints the statements that give web process and root's processes their rights in PostgreSQL; --apply runs them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--web", default=settings.WEB_DATABASE_ROLE, help="role of the web process")
        parser.add_argument("--root", default=settings.DATABASES["default"].get("USER", ""), help="role of root's processes")
        parser.add_argument("--apply", action="store_true", help="run them, as the role that owns the tables")

    def handle(self, *args: object, web: str, root: str, apply: bool, **options: object) -> None:
        statements = grants.statements(web, root)
        if apply:
            give(statements)
        else:
            self.stdout.write(";\n".join(["BEGIN", *statements, "COMMIT", ""]))


def give(statements: list[str]) -> None:
    if connection.vendor != "postgresql":
        raise Conflict("Only PostgreSQL has roles", resolution="Set SPOCWEB_DATABASE_URL, or leave --apply out.")
    with as_owner(), transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
