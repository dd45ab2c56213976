"""Lets somebody in again whose second factor is lost."""

from __future__ import annotations

from argparse import ArgumentParser

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from containers.management.following import root_actor
from containers.management.unchecked import UncheckedCommand
from containers.services import factors


class Command(UncheckedCommand):
    help = "Removes the second factors and recovery codes of a user, on record: the password alone lets in then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="a user's name")

    def handle(self, *args: object, user: str, **options: object) -> None:
        account = User.objects.filter(username=user).first()
        if account is None:
            raise CommandError(f"There is no user {user!r}")
        count = factors.remove_all(root_actor(), account)
        self.stdout.write(f"Removed: {count}" if count else f"{user} has no second factor")
