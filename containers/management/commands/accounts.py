"""Lists accounts, makes them, switches them on and off, removes them; `rights` gives roles and rights."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from containers.management.following import root_actor
from containers.management.unchecked import UncheckedCommand
from containers.services import accounts, roles

NEVER = "-"


class Command(UncheckedCommand):
    help = "Lists accounts, makes them, switches them on and off, removes them; `rights` gives roles and rights."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("list", help="name, state, roles, number of tokens, last sign-in")
        create = actions.add_parser("create", help="make an account, and print its password")
        create.add_argument("--role", action="append", default=[], help="put it into this role; may be repeated")
        password = actions.add_parser("password", help="give an account another password, which ends its sessions, and print it")
        for parsed in (create, password):
            parsed.add_argument("--stdin", action="store_true", help="read the password from the standard input instead")
        deactivate = actions.add_parser("deactivate", help="switch an account off: sessions and tokens end")
        activate = actions.add_parser("activate", help="switch it on again")
        remove = actions.add_parser("remove", help="remove it; what it did stays on record")
        for parsed in (create, password, deactivate, activate, remove):
            parsed.add_argument("user", help="an account's name")

    def handle(self, *args: object, action: str, **options: Any) -> None:
        match action:
            case "list":
                self.list_accounts()
            case "create":
                self.create(options["user"], options["role"], _typed(options))
            case "password":
                self.print_made(accounts.set_password(root_actor(), accounts.get(options["user"]), _typed(options)))
            case "remove":
                accounts.remove(root_actor(), accounts.get(options["user"]))
            case _:
                accounts.set_active(root_actor(), accounts.get(options["user"]), active=action == "activate")

    def list_accounts(self) -> None:
        """Print a line for each account."""
        for user in accounts.every():
            state = "active" if user.is_active else "switched off"
            names = ["superuser"] * user.is_superuser + sorted(group.name for group in user.groups.all())
            seen = user.last_login.isoformat(timespec="seconds") if user.last_login else NEVER
            cells = (user.get_username(), state, ",".join(names) or NEVER, str(user.token_count), seen)  # type: ignore[attr-defined]
            self.stdout.write("\t".join(cells))

    def create(self, name: str, names: list[str], password: str) -> None:
        """Make an account, and print its password where none was given."""
        with transaction.atomic():
            user, made = accounts.create(root_actor(), name, password)
            roles.set_roles(root_actor(), user, names)
        self.print_made(made)

    def print_made(self, password: str) -> None:
        """Print a password that was made: it is shown this once."""
        if password:
            self.stdout.write(password)


def _typed(options: dict[str, Any]) -> str:
    if not options["stdin"]:
        return ""
    if not (password := sys.stdin.readline().rstrip("\n")):
        raise CommandError("There is no password on the standard input")
    return password
