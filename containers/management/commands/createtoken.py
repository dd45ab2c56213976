"""Makes a token for the API."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from containers.errors import SpocError
from containers.management.following import root_actor
from containers.management.unchecked import UncheckedCommand
from containers.services import tokens
from containers.services.token_terms import WORDS, Terms


class Command(UncheckedCommand):
    help = "Makes an API token for a user and prints it: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="a user's name")
        parser.add_argument("--name", default="", help="what it is for")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="how many days it is good for; for ever if not given")
        parser.add_argument(
            "--scope", action="append", default=[], help=f"what it is good for, of {', '.join(WORDS)}; may be repeated"
        )
        parser.add_argument(
            "--address", action="append", default=[], metavar="NETWORK", help="where it is taken from; may be repeated"
        )

    def handle(self, *args: object, user: str, **options: Any) -> None:
        account = User.objects.filter(username=user).first()
        if account is None:
            raise CommandError(f"There is no user {user!r}")
        terms = Terms(options["name"], tuple(options["scope"]), tuple(options["address"]), options["expires"])
        try:
            _row, text = tokens.create(root_actor(), account, terms)
        except SpocError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(text)
