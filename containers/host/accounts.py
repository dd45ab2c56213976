"""Users and groups of a stack of layers, read from its files: where nothing runs that could be asked."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from containers.host.command import CommandResult
from containers.host.hook import OPEN_DIRECTORY
from containers.host.identities import Ask

MAX_BYTES: Final = 4 << 20
# As getent says it.
_FOUND, _NOT_FOUND = 0, 2
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPAQUE: Final = "trusted.overlay.opaque"


def ask(layers: Sequence[Path]) -> Ask:
    """Return what answers `getent passwd KEY` and `getent group KEY` from the layers' files, the lowest layer first."""

    def answer(argv: Sequence[str]) -> CommandResult:
        _, database, key = argv
        line = _find(_read(layers, database), key)
        return CommandResult(tuple(argv), _NOT_FOUND if line is None else _FOUND, line or "", 0)

    return answer


def _find(text: str, key: str) -> str | None:
    # name:password:number:…
    fields = ((line, line.split(":")) for line in text.split("\n"))
    return next((line for line, parts in fields if len(parts) > 2 and key in {parts[0], parts[2]}), None)


def _read(layers: Sequence[Path], database: str) -> str:
    """Return the content of the topmost file; nothing where that is a link or a whiteout."""
    for layer in reversed(layers):
        try:
            etc = os.open(layer / "etc", OPEN_DIRECTORY)
        except FileNotFoundError:
            continue
        except OSError:
            # A link or a whiteout: what is below cannot be seen.
            return ""
        try:
            text = _read_in(etc, database)
            if text is not None or _OPAQUE in os.listxattr(etc):
                return text or ""
        finally:
            os.close(etc)
    return ""


def _read_in(directory: int, name: str) -> str | None:
    try:
        file = os.open(name, _FLAGS, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError:
        return ""
    try:
        return _text(file) if stat.S_ISREG(os.fstat(file).st_mode) else ""
    finally:
        os.close(file)


def _text(file: int) -> str:
    with os.fdopen(file, "rb", closefd=False) as stream:
        return stream.read(MAX_BYTES).decode(errors="replace")
