"""Apps by command: what the catalogue has, and whether a folder could be in it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from containers.catalog import apps
from containers.errors import InvalidRequest, SpocError
from containers.management.following import FollowingCommand


class Command(FollowingCommand):
    help = "Lists the apps that can be installed, and checks the folder of one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        commands = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)
        commands.add_parser("list", help="list the catalogue")
        check = commands.add_parser("check", help="say everything that is wrong with an app's folder")
        check.add_argument("folder", metavar="FOLDER", type=Path)

    def handle(self, *args: object, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except InvalidRequest as error:
            lines = [f"{item.field}: {item.message}" if item.field else item.message for item in error.errors] or [error.brief]
            raise CommandError("\n".join(lines)) from error
        except SpocError as error:
            raise CommandError(str(error)) from error

    def _list(self, **options: Any) -> None:
        found, broken = apps.listing()
        for app in found:
            self.stdout.write(f"{app.name:<20} {app.manifest.version:<10} {app.manifest.title}: {app.manifest.description}")
        for entry in broken:
            self.stderr.write(f"{entry.folder}: {entry.error.brief}")

    def _check(self, folder: Path, **options: Any) -> None:
        app = apps.check(folder)
        self.stdout.write(f"{app.name} {app.manifest.version} is in order")
