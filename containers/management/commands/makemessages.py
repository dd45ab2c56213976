"""Django's makemessages, so that two people's changes of the catalogues merge: `make messages`."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import CommandParser
from django.core.management.commands import makemessages


class Command(makemessages.Command):
    help = "Bring the catalogues in locale/ to the texts that there are now."

    # Sorted: a new text is a new line somewhere, not at the end. No guesses: what has to be looked at is left empty.
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--sort-output", "--no-fuzzy-matching"]

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(
            all=True,
            no_location=True,
            no_obsolete=True,
            no_wrap=True,
            ignore_patterns=["bench", "node_modules", "tests"],
        )

    def write_po_file(self, potfile: str, locale: str) -> None:
        super().write_po_file(potfile, locale)
        path = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        lines = path.read_text().splitlines(keepends=True)
        # A line that differs after every run.
        path.write_text("".join(line for line in lines if not line.startswith('"POT-Creation-Date: ')))
