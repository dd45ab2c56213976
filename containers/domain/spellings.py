"""How programs write a value that they were given: quoted for JSON, XML, a shell or a URL, or within Base64. Pure.

What GitHub's runner hides beside a secret itself is the model.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

# A single quote between single quotes, as Python's shlex writes it, and as bash does.
_SHELL_QUOTES: Final = ("'\"'\"'", "'\\''")
_URL_SAFE: Final = str.maketrans("+/", "-_")


def spellings(value: str) -> set[str]:
    """Return `value` and all that it is found as. Base64 whose lines are broken within it is not among them."""
    encoded = value.encode(errors="replace")
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        html.escape(value, quote=False),
        *(value.replace("'", inside) for inside in _SHELL_QUOTES),
        quote(encoded, safe=""),
        quote(encoded),
        quote_plus(encoded),
        *_within_base64(encoded),
    }


def _within_base64(value: bytes) -> Iterator[str]:
    """Yield what `value` is within a longer text, at each of three offsets: the characters that hold bits of nothing else."""
    for before in range(3):
        first, end = (8 * before + 5) // 6, 8 * (before + len(value)) // 6
        inner = base64.b64encode(bytes(before) + value).decode()[first:end]
        yield from (inner, inner.translate(_URL_SAFE))
