"""Makes a token for the API."""

from __future__ import annotations

from argparse import ArgumentParser

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from containers.management.following import root_actor
from containers.services import audit, tokens


class Command(BaseCommand):
    help = "Makes an API token for a user and prints it: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="a user's name")

    def handle(self, *args: object, user: str, **options: object) -> None:
        account = User.objects.filter(username=user).first()
        if account is None:
            raise CommandError(f"There is no user {user!r}")
        with transaction.atomic():
            token = tokens.create_token(account)
            audit.record(root_actor(), "token.create", user, {})
        self.stdout.write(token)
