"""Copies of apps' folders: what an installation is, kept for its last steps and for the way back. Root alone writes them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.errors import HostError
from containers.host import files
from containers.host.copying import File

_UNFINISHED: Final = ".unfinished-"


def keep(layout: Layout, installation: str, digest: str, folder: Mapping[str, File]) -> bool:
    """Write a folder, {path: file}, under its digest; return whether it was not there yet. There as a whole or not at all.

    Raises HostError with the kernel's reason. Nobody else may be at this installation.
    """
    target = layout.kept_app(installation, digest)
    if target.is_dir():
        return False
    unfinished = target.with_name(f"{_UNFINISHED}{os.urandom(4).hex()}")
    try:
        files.make_directory(layout.app(installation), mode=0o755)
        files.make_directory(unfinished, mode=0o755)
        for path, file in folder.items():
            _write(unfinished / path, file)
        unfinished.rename(target)
    except OSError as error:
        files.remove_tree(unfinished)
        raise HostError(f"what {installation} is cannot be kept: {error.strerror}") from error
    return True


def surplus(layout: Layout, installation: str, wanted: Collection[str]) -> list[Path]:
    """Return what an installation has beside the copies of these digests: older ones, and what a killed job left."""
    own = layout.app(installation)
    if not wanted or not own.is_dir():
        return [own] if own.is_dir() else []
    return sorted(path for path in own.iterdir() if path.name not in wanted)


def remove(layout: Layout, installation: str, wanted: Collection[str] = ()) -> None:
    """Remove all copies but those of these digests; what is gone already is fine."""
    for path in surplus(layout, installation, wanted):
        files.remove_tree(path)


def _write(path: Path, file: File) -> None:
    # Modes are said, not left to the umask: the web process reads what it cannot write.
    for directory in reversed(path.parents):
        if not directory.exists():
            files.make_directory(directory, mode=0o755)
    files.replace(path, file.content, mode=0o755 if file.is_executable else 0o644)
