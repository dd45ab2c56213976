"""Commands of several actions, as `manage.py layer list`: each action is a method, lists and details come as text or as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder

from containers.management.following import FollowingCommand

_NOTHING: Final = "-"

Action = Callable[..., None]


class ActingCommand(FollowingCommand):
    """The base of such commands: `add_actions` names the actions, and `handle` calls the one that was asked for."""

    _actions: Any

    def add_arguments(self, parser: ArgumentParser) -> None:
        self._actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self.add_actions()

    def add_actions(self) -> None:
        """Name the actions."""
        raise NotImplementedError

    def action(self, name: str, run: Action, text: str, *names: str) -> ArgumentParser:
        """Add an action with positional arguments `names`; return its parser for whatever else it takes."""
        parser: ArgumentParser = self._actions.add_parser(name, help=text, description=text)
        for argument in names:
            parser.add_argument(argument, metavar=argument.upper())
        parser.set_defaults(run=run)
        return parser

    def job_action(self, name: str, run: Action, text: str, *names: str) -> ArgumentParser:
        """Add an action that is host work: it is waited for, unless told otherwise."""
        parser = self.action(name, run, text, *names)
        super().add_arguments(parser)
        return parser

    def telling_action(self, name: str, run: Action, text: str, *names: str) -> ArgumentParser:
        """Add an action that prints, with `--json` what the API answers."""
        parser = self.action(name, run, text, *names)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
        return parser

    def handle(self, *args: object, run: Action, **options: Any) -> None:
        run(**options)

    def print_rows(self, rows: Iterable[Mapping[str, Any]], keys: Iterable[str], *, as_json: bool) -> None:
        """Print one line for each row, with the values of `keys` between tabs; as JSON all of every row."""
        if as_json:
            self._print_json(list(rows))
            return
        keys = tuple(keys)
        for row in rows:
            self.stdout.write("\t".join(_text(row[key]) for key in keys))

    def print_details(self, row: Mapping[str, Any], *, as_json: bool) -> None:
        """Print one line for each key."""
        if as_json:
            self._print_json(row)
            return
        for key, value in row.items():
            self.stdout.write(f"{key}\t{_text(value)}")

    def _print_json(self, data: object) -> None:
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False))


def _text(value: object) -> str:
    """Return a value on one line."""
    if isinstance(value, Mapping):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False) if value else _NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _NOTHING if value in (None, "") else str(value)
