"""JSON from outside, read strictly. Pure."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from containers.errors import Malformed


def load_json(raw: bytes | str) -> Any:
    """Return what the JSON text `raw` says. Raises Malformed for anything that is not JSON as RFC 8259 has it.

    Python's reader also takes NaN, repeated keys and UTF-16; whoever sent those meant something else than we would read.
    """
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        # No text of the parser's own for too deep a nesting: it would name Python.
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Malformed(f"This is not JSON: {reason}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has a key twice")
    return result
