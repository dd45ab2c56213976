"""What text may be stored, shown and passed on: one rule for every field. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_DESCRIPTION: Final = 200
MAX_PATH: Final = 1024
MAX_COMMAND: Final = 4096
MAX_ENV_VALUE: Final = 8192

# Control, format (zero-width, bidirectional overrides), surrogate, private, unassigned, line and paragraph separator.
_REFUSED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REFUSED_NAMES: Final = {"Cs": "a lone surrogate", "Co": "a private character", "Cn": "an unassigned character"}

# What a program sends to a terminal: CSI, then OSC and its like up to their end or the end of the line (an
# unended one must not swallow the rest of the log), then all shorter escapes.
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)


def check_text(value: str, *, max_length: int | None = None) -> str:
    """Return `value` unchanged; raise ValueError if it is too long or holds a character that cannot be seen."""
    if max_length is not None and len(value) > max_length:
        raise ValueError(f"is longer than {max_length} characters")
    if not value.isprintable():
        _refuse_invisible(value)
    return value


def _refuse_invisible(value: str) -> None:
    for character in value:
        if (category := unicodedata.category(character)) in _REFUSED:
            what = _REFUSED_NAMES.get(category, "a control character")
            raise ValueError(f"contains {what} (U+{ord(character):04X})")


def is_visible(character: str) -> bool:
    """Return whether a character is one that `check_text` takes."""
    return character.isprintable() or unicodedata.category(character) not in _REFUSED


def shown(value: str, *, max_length: int = 60) -> str:
    """Return `value` fit for a message: short, on one line, every invisible character written as its number."""
    short = value if len(value) <= max_length else f"{value[:max_length]}…"
    return "".join(character if character.isprintable() else f"<U+{ord(character):04X}>" for character in short)


def strip_controls(text: str) -> str:
    """Return a command's output without terminal sequences and invisible characters; keep line breaks and tabs.

    A carriage return starts a new line: programs use it to overwrite, and what was overwritten is worth keeping.
    """
    text = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line if line.isprintable() else _printable(line) for line in text.split("\n"))


def _printable(line: str) -> str:
    return "".join(character for character in line if character == "\t" or is_visible(character))
