"""Prints all containers as one document."""

from __future__ import annotations

import json

from containers.management.following import root_actor
from containers.management.unchecked import UncheckedCommand
from containers.services import transfer


class Command(UncheckedCommand):
    help = "Prints all containers as a JSON document that `import` takes."

    def handle(self, *args: object, **options: object) -> None:
        transfer.take(root_actor())
        self.stdout.write(json.dumps(transfer.export(), indent=2, ensure_ascii=False))
