"""Lists tokens for the API, and takes them back; `createtoken` makes one."""

from __future__ import annotations

from argparse import ArgumentParser

from containers.management.following import root_actor
from containers.management.unchecked import UncheckedCommand
from containers.models import ApiToken
from containers.services import accounts, tokens

NEVER = "-"


class Command(UncheckedCommand):
    help = "Lists tokens for the API, and takes them back; createtoken makes one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="number, owner, name, scope, networks, made, good until, last used, from where")
        listing.add_argument("user", nargs="?", help="the tokens of this account alone")
        revoke = actions.add_parser("revoke", help="take tokens back, and those that were made with them")
        revoke.add_argument("number", type=int, nargs="+")

    def handle(self, *args: object, action: str, **options: object) -> None:
        if action == "list":
            self.list_tokens(options["user"])
        else:
            for number in options["number"]:  # type: ignore[attr-defined]
                row = tokens.revoke(root_actor(), number)
                self.stdout.write(f"{number} of {row.user.get_username()} is taken back")

    def list_tokens(self, name: object) -> None:
        """Print a line for each token."""
        rows = tokens.of(accounts.get(str(name))) if name else ApiToken.objects.order_by("user__username", "-pk")
        for row in rows.select_related("user"):
            self.stdout.write("\t".join(_cells(row)))


def _cells(row: ApiToken) -> list[str]:
    times = [
        NEVER if at is None else at.isoformat(timespec="seconds") for at in (row.created_at, row.expires_at, row.last_used_at)
    ]
    return [
        str(row.pk),
        row.user.get_username(),
        row.name or NEVER,
        ",".join(row.scope) or "everything",
        ",".join(row.addresses) or "anywhere",
        *times,
        row.last_address or NEVER,
    ]
