"""Files of a layer as values: what a directory holds, and what the layer changes of those below it. Pure.

A name in a file system is any bytes. Here it is text that everybody can read and send: UTF-8 as it is, a backslash
doubled, and every byte that is no part of a visible character as `\\xNN`. `path_text` and `path_bytes` turn one into the
other without loss.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from containers.domain.text import check_text, is_visible
from containers.domain.values import Value
from containers.errors import InvalidRequest

# The kernel's limits for one path and one name (limits.h), in bytes; a byte may take four characters of text.
MAX_PATH_BYTES: Final = 4096
MAX_NAME_BYTES: Final = 255
MAX_PATH_TEXT: Final = 4 * MAX_PATH_BYTES

_ESCAPED: Final = re.compile(rb"\\(?:x([0-9a-f]{2})|(\\)|)")


class Kind(StrEnum):
    """What an entry of a directory is. A whiteout, which only says that something is removed, has the kind of nothing."""

    DIRECTORY = "directory"
    FILE = "file"
    LINK = "link"
    FIFO = "fifo"
    SOCKET = "socket"
    DEVICE = "device"
    WHITEOUT = "whiteout"


class Change(StrEnum):
    """What a layer does to the path in the layers below it."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Entry(Value):
    """One name in one directory of a layer. Owners are the container's; None is an id that no container has."""

    name: str
    kind: Kind
    change: Change
    # Permission bits with setuid, setgid and sticky.
    mode: int
    uid: int | None
    gid: int | None
    size: int
    # Seconds since 1970.
    modified_at: int
    # Of a symbolic link, as text: it is shown and never followed.
    target: str | None = None
    # Of a directory: hides all that the layers below have in it.
    opaque: bool = False


class Counts(Value):
    """How many entries of a directory, or of a whole layer, are what."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    # False where counting was given up: there are at least so many.
    complete: bool = True


class Listing(Value):
    """One level of a tree: `entries` are the `total` names of the directory from `offset` on, in order."""

    path: str
    total: int
    offset: int
    entries: tuple[Entry, ...]
    counts: Counts
    # False for a directory with more names than are read.
    complete: bool


class Summary(Value):
    """A whole layer in a few numbers: the room that it takes on disk, and its changes, directories left out."""

    size: int
    counts: Counts


class Preview(Value):
    """The beginning of a file as text, None where it is no text; `size` is that of the whole file."""

    entry: Entry
    size: int
    text: str | None
    complete: bool


def path_text(path: bytes) -> str:
    """Return a path or name as text, `\\xNN` for what cannot be seen."""
    if path.isascii() and (text := path.decode()).isprintable() and "\\" not in text:
        return text
    return "".join(map(_character_text, path.decode(errors="surrogateescape")))


def _character_text(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if is_visible(character):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))


def path_bytes(text: str, *, field: str = "path") -> tuple[bytes, ...]:
    """Return the names of a path relative to the top of a tree; "" and "/" are the top itself.

    Raises InvalidRequest about `field` for what is no path, ".." included: nothing is ever above or beside the tree.
    """
    try:
        path = _ESCAPED.sub(_unescaped, check_text(text, max_length=MAX_PATH_TEXT).encode())
        return _names(path)
    except ValueError as error:
        raise InvalidRequest.of(field, str(error)) from error


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes.fromhex(match[1].decode())
    if match[2]:
        return match[2]
    raise ValueError("has a backslash that is not followed by another one, or by 'x' and two digits 0-9, a-f")


def _names(path: bytes) -> tuple[bytes, ...]:
    names = tuple(path.strip(b"/").split(b"/")) if path.strip(b"/") else ()
    if len(path) > MAX_PATH_BYTES or any(len(name) > MAX_NAME_BYTES for name in names):
        raise ValueError("is longer than any path of a file can be")
    if b"\0" in path or {b"", b".", b".."}.intersection(names):
        raise ValueError("must not have an empty part, '.', '..', or a zero byte")
    return names
