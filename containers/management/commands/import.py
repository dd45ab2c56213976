"""Defines all containers of a document, or none."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import CommandError

from containers.errors import InvalidRequest
from containers.management.following import FollowingCommand, root_actor
from containers.services import transfer
from containers.services.documents import load_json


class Command(FollowingCommand):
    help = "Defines all containers of a document as `export` writes it, or none of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", help="a JSON file, or - for standard input")

    def handle(self, *args: object, file: str, no_wait: bool, **options: object) -> None:
        try:
            made = transfer.import_containers(root_actor(), load_json(_read(file)))
        except InvalidRequest as error:
            lines = [f"{item.field}: {item.message}" if item.field else item.message for item in error.errors]
            raise CommandError("\n".join(["Nothing was imported", *lines])) from error
        self.follow(made[0][1], no_wait=no_wait)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
