r"""The lines of a recipe put together to statements: continuations, heredocs, comments, as BuildKit reads Dockerfiles. Pure.

A `\` at the end of a line continues it; comments and empty lines in between fall away. `<<WORD` and `<<-WORD` in RUN and
COPY take the following lines up to one that is WORD alone. Unlike there, blanks around a continuation become one blank:
how the lines are indented does not matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from containers.domain import words
from containers.domain.text import check_text
from containers.errors import FieldError

MAX_BYTES: Final = 64 * 1024
MAX_STATEMENTS: Final = 200

# Those that may have heredocs.
HEREDOC_KEYWORDS: Final = frozenset({"RUN", "COPY"})

_CONTINUED: Final = re.compile(r"(?<!\\)\\[ \t]*$")
_HEREDOC: Final = re.compile(r"[0-9]*<<(?P<chomp>-?)(?P<name>[^<]*)", re.DOTALL)
_BLANK: Final = " \t"


@dataclass(frozen=True)
class Heredoc:
    """Lines given in place; `text` as a shell would have it, ended by a line break unless it is empty."""

    # As written in the statement, quotes included.
    word: str
    name: str
    # Whether a shell would leave variables in it alone.
    is_quoted: bool
    chomps: bool
    text: str = ""
    # As written, with the line that ends it.
    raw: str = ""


@dataclass(frozen=True)
class Statement:
    """One instruction: the line it begins at, its keyword in capitals, what follows on its line, and its heredocs."""

    line: int
    keyword: str
    text: str
    heredocs: tuple[Heredoc, ...] = ()


def field(line: int) -> str:
    """Return what an error about a line is filed under."""
    return f"line {line}"


def split(text: str) -> tuple[tuple[Statement, ...], tuple[FieldError, ...]]:
    """Return all statements of a recipe, and what is wrong with its lines."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return (), (FieldError("", f"the recipe is longer than {MAX_BYTES} bytes"),)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if errors := _invisible(lines):
        return (), errors
    return _Reader(lines).read()


def _invisible(lines: list[str]) -> tuple[FieldError, ...]:
    errors = []
    for number, line in enumerate(lines, start=1):
        try:
            check_text(line.replace("\t", " "))
        except ValueError as error:
            errors.append(FieldError(field(number), str(error)))
    return tuple(errors)


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._next = 0
        self._errors: list[FieldError] = []

    def read(self) -> tuple[tuple[Statement, ...], tuple[FieldError, ...]]:
        statements: list[Statement] = []
        while self._next < len(self._lines):
            if _is_left_out(self._lines[self._next]):
                self._next += 1
            elif len(statements) == MAX_STATEMENTS:
                self._errors.append(FieldError(field(self._next + 1), f"there are more than {MAX_STATEMENTS} instructions"))
                break
            elif statement := self._statement():
                statements.append(statement)
        return tuple(statements), tuple(self._errors)

    def _statement(self) -> Statement | None:
        """Take a statement with its heredocs; None where those do not end."""
        number, errors = self._next + 1, len(self._errors)
        keyword, *rest = self._joined().split(None, 1)
        statement = Statement(number, keyword.upper(), rest[0] if rest else "")
        if statement.keyword not in HEREDOC_KEYWORDS:
            return statement
        filled = tuple(self._heredoc(number, heredoc) for heredoc in heredocs(statement.text))
        return replace(statement, heredocs=filled) if len(self._errors) == errors else None

    def _joined(self) -> str:
        """Take a line and those that continue it."""
        text, continues = self._part()
        while continues and self._next < len(self._lines):
            if _is_left_out(self._lines[self._next]):
                self._next += 1
                continue
            more, continues = self._part()
            blank = " " if text != text.rstrip(_BLANK) or more != more.lstrip(_BLANK) else ""
            text = f"{text.rstrip(_BLANK)}{blank}{more.lstrip(_BLANK)}"
        # A lone backslash is a statement of nothing.
        return text.strip() or "\\"

    def _part(self) -> tuple[str, bool]:
        line = self._lines[self._next]
        self._next += 1
        end = _CONTINUED.search(line)
        return (line[: end.start()], True) if end else (line, False)

    def _heredoc(self, number: int, heredoc: Heredoc) -> Heredoc:
        begin = self._next
        while self._next < len(self._lines):
            line = self._lines[self._next]
            self._next += 1
            if (line.lstrip("\t") if heredoc.chomps else line) == heredoc.name:
                return _filled(heredoc, self._lines[begin : self._next - 1], line)
        self._errors.append(FieldError(field(number), f"nothing ends {heredoc.word}: there is no line of {heredoc.name} alone"))
        return heredoc


def _filled(heredoc: Heredoc, lines: list[str], end: str) -> Heredoc:
    kept = [line.lstrip("\t") for line in lines] if heredoc.chomps else lines
    return replace(heredoc, text="".join(f"{line}\n" for line in kept), raw="\n".join([*lines, end]))


def _is_left_out(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def heredocs(text: str) -> tuple[Heredoc, ...]:
    """Return the heredocs that a statement announces, still without their lines."""
    if "<<" not in text or (text.startswith("[") and text.endswith("]")):
        return ()
    try:
        parts = words.split(text)
    except ValueError:
        # The shell will say what is wrong with it.
        return ()
    found = ((part.raw, _HEREDOC.fullmatch(part.raw)) for part in parts)
    return tuple(_announced(raw, match) for raw, match in found if match and match["name"])


def _announced(raw: str, match: re.Match[str]) -> Heredoc:
    (name,) = words.split(match["name"])
    return Heredoc(raw, name.value, name.is_quoted, bool(match["chomp"]))
