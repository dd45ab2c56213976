"""Backups taken apart, and written anew by whoever has a key."""

from __future__ import annotations

import json
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from containers.host import app_backups, backup_index
from containers.host.command import Runner


def taken_apart(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]


def header_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(taken_apart(path)[app_backups.HEADER])
    return found


def sign_anew(path: Path, key: Ed25519PrivateKey, **header: Any) -> None:
    """Write a backup with other values in its header, signed with another key."""
    volume = taken_apart(path)["volumes/data.tar"]
    content = header_of(path) | header
    with path.open("w+b", buffering=0) as stream:
        app_backups.write_header(stream, {name: value for name, value in content.items() if value is not ...})
        stream.write(backup_index.entry("volumes/data.tar", volume))
        app_backups.finish(stream, Runner(), key)


def made(key: Ed25519PrivateKey, volume: bytes = b"", **header: Any) -> bytes:
    """Return a backup of the app note, signed with `key`. `volume` stands where the archive of its volume does."""
    about = {"backup": 3, "app": "note", "version": "1.0", "installation": "blog", "source": None}
    with TemporaryFile("w+b", buffering=0) as stream:
        app_backups.write_header(stream, about | header)
        stream.write(backup_index.entry("volumes/data.tar", volume))
        app_backups.finish(stream, Runner(), key)
        stream.seek(0)
        return stream.read()


def archive_of(name: str, content: bytes) -> bytes:
    """Return the archive of a volume with one file."""
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, BytesIO(content))
    return stream.getvalue()
