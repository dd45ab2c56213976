"""Words with a shell's quotes, as Dockerfiles and people write them; what a shell would replace is found, not replaced. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PART: Final = re.compile(
    r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?P<plain>[^\s'"\\]+)|(?P<blank>\s+)""", re.DOTALL
)
# POSIX shell, 2.2.3: within double quotes a backslash is only itself before anything else.
_ESCAPED_IN_QUOTES: Final = re.compile(r'\\([$`"\\])')
_EXPANDED: Final = re.compile(r"[$`]")
_OPERATORS: Final = re.compile(r"[|&;<>()$`]")


@dataclass(frozen=True)
class Word:
    """One word: its value without quotes, its text as it was written."""

    value: str
    raw: str
    # Whether a shell would put a variable or a command's output there.
    is_expanded: bool
    # Whether a shell would take a part of it for anything but a word: a pipe, a redirection, a variable.
    is_operator: bool

    @property
    def is_quoted(self) -> bool:
        """Whether a part of it stands in quotes or behind a backslash."""
        return self.value != self.raw


def split(text: str) -> tuple[Word, ...]:
    """Return the words of one line. Raises ValueError for a quote that is not closed, or a backslash at the end."""
    words: list[Word] = []
    parts: list[re.Match[str]] = []
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise ValueError("has a quote or a backslash with nothing behind it")
        position = part.end()
        if part["blank"] is None:
            parts.append(part)
        elif parts:
            words.append(_word(parts))
            parts = []
    return (*words, _word(parts)) if parts else tuple(words)


def _word(parts: list[re.Match[str]]) -> Word:
    plain = "".join(part["plain"] or "" for part in parts)
    doubles = "".join(re.sub(r"\\.", "", part["double"] or "", flags=re.DOTALL) for part in parts)
    return Word(
        value="".join(map(_value, parts)),
        raw="".join(part[0] for part in parts),
        is_expanded=bool(_EXPANDED.search(plain + doubles)),
        is_operator=bool(_OPERATORS.search(plain) or _EXPANDED.search(doubles)),
    )


def _value(part: re.Match[str]) -> str:
    if part["double"] is not None:
        return _ESCAPED_IN_QUOTES.sub(r"\1", part["double"])
    return next(part[kind] for kind in ("single", "escaped", "plain") if part[kind] is not None)
