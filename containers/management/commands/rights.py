"""Shows who may do what and why, and gives and takes roles and rights."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from containers.domain.rights import RIGHTS
from containers.errors import SpocError
from containers.management.following import root_actor
from containers.management.unchecked import UncheckedCommand
from containers.services import access, roles
from containers.services.actor import Actor
from containers.services.roles import Given


class Command(UncheckedCommand):
    help = "Shows who may do what and why; with USER and options, gives and takes roles and rights first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        rights = ", ".join(RIGHTS)
        parser.add_argument("user", nargs="?", help="a user's name")
        parser.add_argument("--role", action="append", default=[], help="put the user into this role")
        parser.add_argument("--no-role", action="append", default=[], metavar="ROLE", help="take the user out of this role")
        parser.add_argument("--give", action="append", default=[], metavar="RIGHT[:PATTERN]", help=f"give a right: {rights}")
        parser.add_argument("--take", action="append", default=[], metavar="RIGHT[:PATTERN]", help="take a right away")
        parser.add_argument("--app", default="", help="the rights are about the containers of this app alone")

    def handle(self, *args: object, user: str | None, **options: Any) -> None:
        if user is not None:
            try:
                self._change(user, options)
            except SpocError as error:
                raise CommandError(str(error)) from error
        for person, held in access.everyone():
            if user in (None, person.get_username()):
                self._show(person, held)

    def _change(self, name: str, options: dict[str, Any]) -> None:
        person = User.objects.filter(username=name).first()
        if person is None:
            raise CommandError(f"There is no user {name!r}")
        changes: list[tuple[str, Callable[[Actor, User, Any], None]]] = [
            ("role", roles.give_role),
            ("give", roles.give),
            ("no_role", roles.take_role),
            ("take", roles.take),
        ]
        for option, change in changes:
            for word in options[option]:
                change(root_actor(), person, word if "role" in option else _given(word, options["app"]))

    def _show(self, person: User, held: tuple[access.Holding, ...]) -> None:
        if not held:
            self.stdout.write(f"{person.get_username()}\tnothing")
        for one in held:
            where = f"{one.scope.pattern}{f' of {one.scope.app}' if one.scope.app else ''}"
            self.stdout.write(f"{person.get_username()}\t{one.right}\t{where}\t{one.source}")


def _given(word: str, app: str) -> Given:
    right, _, pattern = word.partition(":")
    return Given.parse(right, pattern or "*", app)
