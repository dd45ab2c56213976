"""Files that commands write where they are told to: new, and whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from django.core.management.base import CommandError


def save(chunks: Iterable[bytes], to: Path, *, mode: int = 0o644) -> None:
    """Write a file that is not there yet. Raises CommandError; what breaks off does not stay."""
    try:
        file = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise CommandError(f"{to} exists already") from error
    except OSError as error:
        raise CommandError(f"{to}: {error.strerror}") from error
    try:
        with os.fdopen(file, "wb") as target:
            target.writelines(chunks)
    except BaseException as error:
        to.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise CommandError(f"{to}: {error.strerror}") from error
        raise
