"""The chain of the audit trail: each event's digest covers its contents and the digest before it (SHA-256). Pure.

What is hashed is canonical JSON: keys sorted, no spaces, ASCII only. SQLite keeps a JSON value as text, PostgreSQL as jsonb,
which takes no NUL, no lone surrogate, no -0.0 and writes large numbers without an exponent: `storable` makes of any value
one that both give back as it was.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

# What stands before the first event.
GENESIS: Final = "0" * 64

# Beyond it a float is a whole number anyhow, and jsonb gives it back as one.
_LARGE: Final = 1e15
_DEEPEST: Final = 40


def canonical(value: Any) -> bytes:
    """Return `value` as canonical JSON. Raises ValueError and TypeError for what `storable` would have changed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest_of(value: Any) -> str:
    """Return the SHA-256 of canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def link(previous: str, contents: Mapping[str, Any]) -> str:
    """Return the digest of an event with these contents that follows the one whose digest is `previous`."""
    return hashlib.sha256(previous.encode() + b"\n" + canonical(contents)).hexdigest()


def moment(at: datetime | None) -> str | None:
    """Return a time as it is hashed: UTC, with microseconds."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def storable(value: Any, depth: int = 0) -> Any:
    """Return `value` as plain JSON that every database gives back as it is; what is no JSON becomes text."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {storable_text(str(key)): storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [storable(item, depth + 1) for item in items]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return _number(value)
    return storable_text(str(value))


def storable_text(text: str) -> str:
    """Return `text` without the characters that a database cannot keep: NUL and lone surrogates, written as numbers."""
    if text.isascii() and "\0" not in text:
        return text
    return "".join(f"<U+{ord(character):04X}>" if _is_refused(character) else character for character in text)


def _is_refused(character: str) -> bool:
    return character == "\0" or "\ud800" <= character <= "\udfff"


def _number(value: float) -> float | int | str:
    if not math.isfinite(value):
        return str(value)
    return int(value) if abs(value) >= _LARGE else value + 0.0
