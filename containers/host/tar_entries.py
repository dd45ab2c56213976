"""Counting the entries of a tar stream while it passes by. Standard library only.

Follows the headers as GNU tar reads them (pax sizes, old GNU sparse maps). A stream made to confuse it can hide entries:
what they take of the file system is watched beside this.
"""

from __future__ import annotations

import re
from typing import Final

BLOCK: Final = 512
_MAX_PAX: Final = 1 << 20
_PAX_SIZE: Final = re.compile(rb"(?:^|\n)[0-9]+ size=([0-9]{1,19})\n")
# Nothing follows the headers of links, devices, directories and fifos, whatever size they name.
_WITHOUT_DATA: Final = frozenset(b"123456")
_PAX_HEADER: Final = ord("x")
_ABOUT_OTHERS: Final = frozenset(b"xgLKNV")
_SPARSE: Final = ord("S")


class TarEntries:
    """Feed it the stream in pieces of any size.

    `count` is how many entries have begun, `has_end` whether the mark came that ends an archive.
    """

    def __init__(self) -> None:
        self.count = 0
        self.has_end = False
        self._skip = 0
        self._left = b""
        # What the last pax header said of the next entry's size.
        self._pax: bytearray | None = None
        self._pax_left = 0
        self._size: int | None = None
        self._is_sparse_map = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        at = 0
        if self._left:
            data, self._left = self._left + data, b""
        end = len(data)
        while at < end:
            if self._skip:
                at = self._pass(data, at)
            elif end - at < BLOCK:
                self._left = data[at:]
                return
            else:
                self._header(data[at : at + BLOCK])
                at += BLOCK

    def _pass(self, data: bytes, at: int) -> int:
        """Go past what belongs to the entry; return where."""
        count = min(self._skip, len(data) - at)
        self._skip -= count
        if self._pax is not None:
            self._pax += data[at : at + min(count, self._pax_left)]
            self._pax_left -= min(count, self._pax_left)
            if not self._skip:
                found = _PAX_SIZE.search(self._pax)
                self._size = int(found[1]) if found else self._size
                self._pax = None
        return at + count

    def _header(self, block: bytes) -> None:
        if self._is_sparse_map:
            self._is_sparse_map = bool(block[504])
            return
        if not block[0] and not any(block):
            self.has_end = True
            return
        kind = block[156]
        size = _number(block[124:136])
        if kind in _ABOUT_OTHERS:
            self._about_next(kind, size)
            return
        self.count += 1
        size = size if self._size is None else self._size
        self._size = None
        self._skip = 0 if kind in _WITHOUT_DATA else _padded(size)
        self._is_sparse_map = kind == _SPARSE and bool(block[482])

    def _about_next(self, kind: int, size: int) -> None:
        self._skip = _padded(size)
        if kind == _PAX_HEADER and 0 < size <= _MAX_PAX:
            self._pax, self._pax_left = bytearray(), size


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _number(field: bytes) -> int:
    """Read a number in octal digits, or in GNU's binary form."""
    if field[0] & 0x80:
        return int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big") if field[0] != 0xFF else 0
    digits = field.split(b"\0", 1)[0].strip()
    try:
        return int(digits or b"0", 8)
    except ValueError:
        return 0
