"""Commands that somebody typed, for who looks: their arguments are hidden from who could run nothing there.

The only way from such rows to pages, the API, records and readers of the audit trail. What is stored, and what runs, never
comes from here. Whoever streams asks before the stream begins: who looks is known only as long as the request is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from containers.domain.secrecy import MASK
from containers.models import Command, Event, Job
from containers.services import sight
from containers.services.sight import Sight

# How a job's inputs, and events about terminals, call it.
KEY = "command"
# Between a program of the host's and what it runs inside.
_INSIDE = "--"


@dataclass(frozen=True)
class Typed:
    """What one job was given. `hidden` are the containers in which the arguments of what ran are not told."""

    inputs: dict[str, Any]
    hidden: frozenset[str]

    @classmethod
    def of(cls, job: Job) -> Typed:
        """Return what who looks may read of `job`; no query."""
        inputs = job.inputs if isinstance(job.inputs, dict) else {}
        names = _names(job.targets)
        if KEY not in inputs or sight.current().reads_typed(names):
            return cls(inputs, frozenset())
        return cls(_told(inputs), frozenset(names))

    def argv(self, command: Command, container: str) -> list[Any]:
        """Return the command line of a program that ran for `container`."""
        return without_inside(command.argv) if container in self.hidden else command.argv


def without_inside(argv: list[Any]) -> list[Any]:
    """Return a command line of the host without the arguments of what it runs inside a container."""
    at = argv.index(_INSIDE) + 1 if _INSIDE in argv else len(argv)
    return [*argv[:at], *without_arguments(argv[at:])]


def without_arguments(words: object) -> list[Any]:
    """Return the program, and stars where it had arguments."""
    words = words if isinstance(words, list) else [words]
    return [*words[:1], MASK] if len(words) > 1 else words


def of_event(event: Event, look: Sight) -> Any:
    """Return an event's data as `look` may read it. Where something is hidden, the event's digest is not that of what is told."""
    data = event.data
    if not isinstance(data, dict):
        return data
    if KEY in data and not look.reads_typed([event.subject]):
        return _told(data)
    inputs = data.get("inputs")
    if isinstance(inputs, dict) and KEY in inputs and not look.reads_typed(_names(data.get("targets"))):
        return {**data, "inputs": _told(inputs)}
    return data


def _told(inputs: dict[str, Any]) -> dict[str, Any]:
    return {**inputs, KEY: without_arguments(inputs[KEY])}


def _names(targets: object) -> list[str]:
    return [str(name) for name in targets] if isinstance(targets, Iterable) and not isinstance(targets, str) else []
