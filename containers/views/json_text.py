"""The JSON form of a container as lines of HTML: keys and texts coloured, lines that are not saved yet known."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from django.utils.html import escape
from django.utils.safestring import SafeString

# A line of json.dumps(indent=2): perhaps a key, then perhaps a text.
_LINE: Final = re.compile(r'(\s*)("(?:[^"\\]|\\.)*": )?("(?:[^"\\]|\\.)*")?(.*)')


def lines(data: Mapping[str, Any], saved: Mapping[str, Any] | None = None) -> list[tuple[SafeString, bool]]:
    """Return the lines, each with whether it differs from `saved`."""
    text = _dump(data)
    if saved is None:
        return [(coloured(line), False) for line in text]
    before = _dump({key: value for key, value in saved.items() if key != "name"})
    # A comma after what was the last line is no change.
    bare_before, bare = ([line.rstrip(",") for line in lines] for lines in (before, text))
    matcher = difflib.SequenceMatcher(None, bare_before, bare, autojunk=False)
    same = {block.b + offset for block in matcher.get_matching_blocks() for offset in range(block.size)}
    return [(coloured(line), number not in same) for number, line in enumerate(text)]


def coloured(line: str) -> SafeString:
    match = _LINE.fullmatch(line)
    if match is None:
        return SafeString(escape(line))
    indent, key, text, rest = (escape(group or "") for group in match.groups())
    parts = [
        indent,
        f'<span class="k">{key[:-2]}</span>: ' if key else "",
        f'<span class="s">{text}</span>' if text else "",
        rest,
    ]
    return SafeString("".join(parts))


def written(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def _dump(data: Mapping[str, Any]) -> list[str]:
    return written(data).split("\n")
