"""What a command prints: split into lines, secrets masked, bounded in memory however much comes."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Final

from containers.domain.text import strip_controls

MASK: Final = "********"
MAX_LINE: Final = 8192


class Output:
    """Collect a command's bytes: the first half of `cap` is handed out line by line, of the rest the end is kept."""

    def __init__(self, cap: int, secrets: Sequence[str] = ()) -> None:
        self._half = max(cap // 2, 1)
        self._secrets = tuple(secret for secret in secrets if secret)
        # An unfinished line may end within a secret: that much of it is never cut off.
        self._held_back = max(map(len, self._secrets), default=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        # The text in pieces: an endless line is handed out in several, but is one line in the text.
        self._pieces: list[str] = []
        self._room = self._half
        self._tail = bytearray()
        self._dropped = 0

    def feed(self, data: bytes) -> list[str]:
        """Take what was read; return the lines that are complete and still belong to the first half."""
        head, rest = data[: self._room], data[self._room :]
        self._room -= len(head)
        lines: list[str] = []
        if head:
            self._line += self._decoder.decode(head)
            lines = self._take_lines()
            if not self._room:
                # The line that the border goes through belongs to the end.
                self._feed_tail(self._line.encode() + self._decoder.getstate()[0])
                self._line = ""
        self._feed_tail(rest)
        return lines

    def finish(self) -> list[str]:
        """Return the lines that were held back: what is left out, and the end."""
        rest = self._line + self._decoder.decode(b"", final=True) if self._room else self._end_of_tail()
        self._line = ""
        lines = self._clean(rest).split("\n") if rest else []
        if lines and not lines[-1]:
            lines.pop()
        if self._dropped:
            lines.insert(0, f"… {self._dropped} bytes left out …")
            self._end_line()
        self._pieces += [f"{line}\n" for line in lines]
        return lines

    def _end_line(self) -> None:
        if self._pieces and not self._pieces[-1].endswith("\n"):
            self._pieces.append("\n")

    @property
    def text(self) -> str:
        """All that is kept so far, without the last line's end."""
        return "".join(self._pieces).removesuffix("\n")

    def _take_lines(self) -> list[str]:
        # "\r" alone ends a line too (progress bars); at the end of the buffer it may be half of "\r\n".
        end = max(self._line.rfind("\n"), self._line.rfind("\r", 0, len(self._line) - 1)) + 1
        if not end and len(self._line) > MAX_LINE + self._held_back:
            end = self._cut()
        if not end:
            return []
        complete, self._line = self._clean(self._line[:end]), self._line[end:]
        self._pieces.append(complete)
        return complete.removesuffix("\n").split("\n")

    def _cut(self) -> int:
        self._line = self._mask(self._line)
        return len(self._line) - self._held_back

    def _feed_tail(self, data: bytes) -> None:
        self._tail += data
        if (excess := len(self._tail) - self._half) > 0:
            del self._tail[:excess]
            self._dropped += excess

    def _end_of_tail(self) -> str:
        if self._dropped:
            # The tail starts somewhere in a line, perhaps within a secret: go on to the next line if there is one.
            start = self._tail.find(b"\n", 0, -1) + 1 or min(self._held_back * 4, len(self._tail))
            self._dropped += start
            del self._tail[:start]
        return self._tail.decode(errors="replace")

    def mask_all(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the words of a command line as they may be shown."""
        return tuple(self._mask(word) for word in words)

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def _clean(self, text: str) -> str:
        return strip_controls(self._mask(text))
