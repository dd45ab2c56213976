"""Answers put into the texts of a manifest: `{{ name }}`, and nothing else. No logic, no filters, and one pass.

What was put in is never looked at again, so an answer that looks like a placeholder stays what it is. Pure.
"""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

# `instance`, the name of a question, or `container.NAME`: the name that a container of the app has on this host.
_PLACEHOLDER: Final = re.compile(r"\{\{ ?([a-z][a-z0-9_]*(?:\.[a-z0-9-]+)?) ?\}\}", re.ASCII)
_OPENING: Final = "{{"
INSTANCE: Final = "instance"
CONTAINER: Final = "container."
# A word of a command in which free text can do no harm: all of it is the answer, or what is behind an option's "=".
_WORD: Final = re.compile(r"(--?[A-Za-z0-9][A-Za-z0-9-]*=)?" + _PLACEHOLDER.pattern, re.ASCII)


class Quoting(StrEnum):
    """How a file's answers are written so that they stay one value in the file's language."""

    NONE = "none"
    # A word of a shell, with its quotation marks.
    SHELL = "shell"
    # A string of JSON, YAML or TOML, with its quotation marks.
    JSON = "json"
    # A string of PHP, with its quotation marks.
    PHP = "php"
    # Text between tags, or in an attribute's quotation marks, which stand in the file.
    HTML = "html"


def names(text: str) -> tuple[str, ...]:
    """Return what `text` asks for, in order. Raises ValueError for an opening `{{` that begins no placeholder."""
    found = _PLACEHOLDER.findall(text)
    if text.count(_OPENING) != len(found):
        raise ValueError("'{{' must begin a placeholder: {{ name }}, a question's name, instance or container.NAME")
    return tuple(found)


def is_whole_word(word: str) -> bool:
    """Return whether a word of a command is one placeholder, or an option with one as its value."""
    return _WORD.fullmatch(word) is not None


def fill(text: str, values: Mapping[str, str], quoting: Quoting = Quoting.NONE) -> str:
    """Return `text` with its placeholders replaced. `values` has all of them: a LookupError is a bug."""
    quote = _QUOTERS[quoting]
    return _PLACEHOLDER.sub(lambda found: quote(values[found[1]]), text)


def _php(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_QUOTERS: Final[Mapping[Quoting, Callable[[str], str]]] = {
    Quoting.NONE: lambda value: value,
    Quoting.SHELL: shlex.quote,
    Quoting.JSON: lambda value: json.dumps(value, ensure_ascii=False),
    Quoting.PHP: _php,
    Quoting.HTML: html.escape,
}
