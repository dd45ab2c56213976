"""Repositories for tests: the host's own, with files that were never an image, and rows of others."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from containers.domain import entries, signature
from containers.domain.entries import AppEntry, Entry
from containers.domain.image import ImageRef
from containers.domain.repository import Index
from containers.models import Repository
from containers.services import hosts

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = signature.public_key_of(KEY)
CREATED = datetime(2026, 1, 31, 12, tzinfo=UTC)


def entry(image: str, content: bytes = b"content", **more: Any) -> Entry:
    """What an index says of an image whose file has this content."""
    ref = ImageRef.parse(image)
    sha256 = hashlib.sha256(content).hexdigest()
    data = {
        "name": ref.name,
        "version": ref.version,
        "file": entries.file_name(ref, sha256),
        "size": len(content),
        "sha256": sha256,
        "layers": [{"digest": "b" * 64, "size": 5000}],
        "created": entries.moment(CREATED),
    }
    return Index.of({"serial": 1, "created": data["created"], "images": [data | more]}).images[0]


def index(*images: Entry, serial: int = 7) -> Index:
    return Index(serial=serial, created=entries.moment(CREATED), images=images)


def publish(directory: Path, made: Index, key: Ed25519PrivateKey = KEY) -> None:
    """Write an index and its signature, as a publisher does."""
    raw = made.encode()
    (directory / "index.json").write_bytes(raw)
    (directory / "index.json.sig").write_bytes(signature.sign(key, signature.INDEX, raw))


@contextmanager
def own(*images: str, content: bytes = b"content") -> Iterator[Path]:
    """The host's own repository with these images in it; gone at the end."""
    directory = settings.DATA_DIR / "repository"
    was_there = directory.is_dir()
    directory.mkdir(parents=True, exist_ok=True)
    found = [entry(image, content) for image in images]
    for made in found:
        (directory / made.file).write_bytes(content)
    publish(directory, index(*found))
    (directory / "key.pub").write_text(f"{PUBLIC}\n")
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
        # Tests of jobs have it from their directories, once for the whole process.
        if was_there:
            directory.mkdir()


def row(name: str = "team", *images: str, location: str = "https://images.example.org/a", **more: Any) -> Repository:
    """The row of a repository that was looked into."""
    made = index(*(entry(image) for image in images))
    values = {"public_key": PUBLIC, "serial": made.serial, "images": made.rows()} | more
    return Repository.objects.create(host=hosts.current(), name=name, location=location, **values)


def app_entry(content: bytes = b"content", **more: Any) -> AppEntry:
    """What an index says of the app "note" whose file has this content."""
    sha256 = hashlib.sha256(content).hexdigest()
    about = {"name": "note", "version": "1.0", "title": "Note", "description": "Keeps a note", **more}
    data = {
        "file": entries.app_file_name(about["name"], about["version"], sha256),
        "size": len(content),
        "sha256": sha256,
        "created": entries.moment(CREATED),
    }
    return AppEntry.model_validate(data | about)
