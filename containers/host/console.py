"""What a container prints on its console: the words of a start that did not succeed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from containers.domain.layout import Layout
from containers.domain.text import strip_controls
from containers.errors import HostError

_MOST_BYTES: Final = 8_192
_MOST_LINES: Final = 20
_MOST_QUOTED: Final = 200


class Console:
    """A container's console from now on: make it before a start, ask when that has failed."""

    def __init__(self, layout: Layout, name: str) -> None:
        self._path = layout.log(name)
        self._begin = self._size()

    def lines(self) -> list[str]:
        """Return the last lines printed since, without empty ones and control characters."""
        size = self._size()
        # LXC empties a log that gets too long.
        begin = self._begin if self._begin <= size else 0
        if begin == size:
            return []
        with self._path.open("rb") as stream:
            stream.seek(max(begin, size - _MOST_BYTES))
            text = strip_controls(stream.read(_MOST_BYTES).decode(errors="replace"))
        return [line.rstrip() for line in text.splitlines() if line.strip()][-_MOST_LINES:]

    @contextmanager
    def quoted(self) -> Iterator[None]:
        """Have a HostError of the block tell what was printed; in its first words, too, where no tool said anything."""
        try:
            yield
        except HostError as error:
            if lines := self.lines():
                if not error.details:
                    error.brief = f"{error.brief}: {lines[-1].strip()[:_MOST_QUOTED]}"
                # A tool's own words stay the last ones.
                error.details = "\n".join([*lines, *filter(None, [error.details])])
            raise

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0
