"""Where in a TOML text a key stands: tomllib does not say. Pure.

The text has been read by tomllib before, so it is valid; what this cannot follow only makes a line less exact.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Final

Path = tuple[str | int, ...]

_HEADER: Final = re.compile(r"\s*(\[{1,2})([^\[\]]+)\]{1,2}\s*(?:#.*)?")
_KEY: Final = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART: Final = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_MULTILINE: Final = re.compile(r'"""|' + "'''")


class Lines:
    """The lines of one text, by path: ("containers", "web", "cmd"), ("questions", 0, "type")."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {(): 1}
        self._table: Path = ()
        self._counts: dict[Path, int] = {}
        open_quote = ""
        for number, line in enumerate(text.split("\n"), start=1):
            if not open_quote:
                self._take(number, line)
            open_quote = _open_at_end(line, open_quote)

    def of(self, path: Sequence[str | int]) -> int:
        """Return the line of what `path` leads to, or of the nearest that it lies in; the first is 1."""
        parts = tuple(path)
        return next(self._lines[parts[:length]] for length in range(len(parts), -1, -1) if parts[:length] in self._lines)

    def _take(self, number: int, line: str) -> None:
        if header := _HEADER.fullmatch(line):
            self._table = self._resolve(_parts(header[2]), is_list=header[1] == "[[")
            self._lines.setdefault(self._table, number)
        elif key := _KEY.match(line):
            self._lines.setdefault((*self._table, *_parts(key[1])), number)

    def _resolve(self, parts: Path, *, is_list: bool) -> Path:
        path: Path = ()
        for part in parts:
            path = (*path, part)
            if path in self._counts and not (is_list and len(path) and path == self._plain(parts)):
                path = (*path, self._counts[path] - 1)
        if is_list:
            count = self._counts.get(path, 0)
            self._counts[path] = count + 1
            path = (*path, count)
        return path

    def _plain(self, parts: Path) -> Path:
        """Return the path of a list's header without the number of its own entry."""
        path: Path = ()
        for position, part in enumerate(parts):
            path = (*path, part)
            if position < len(parts) - 1 and path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path


def _parts(text: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(text))


def _open_at_end(line: str, quote: str) -> str:
    """Return the quotation marks of a text of several lines that goes on after this line; none where nothing does."""
    for found in _MULTILINE.findall(line):
        if not quote:
            quote = found
        elif found == quote:
            quote = ""
    return quote


def syntax_line(error: tomllib.TOMLDecodeError) -> int:
    """Return the line that tomllib complains about; the last one it knows of is 1."""
    found = re.search(r"at line (\d+)", str(error))
    return int(found[1]) if found else 1
