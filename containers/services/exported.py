"""The host's own repository, as the web user sees it: it may read the directory, and writes nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings
from django.db import transaction

from containers.domain import repository, signature
from containers.domain.entries import Entry
from containers.domain.image import ImageRef
from containers.domain.repository import Index
from containers.domain.states import Operation
from containers.errors import NotFound, SpocError
from containers.models import Image, Job
from containers.services import access, audit, hosts
from containers.services.actor import Actor
from containers.services.queue import queue

_KEY_FILE: Final = "key.pub"
_MAX_KEY_BYTES: Final = 100


def directory() -> Path:
    """Return where it is."""
    return Path(settings.DATA_DIR) / "repository"


def public_key() -> str:
    """Return the host's public key; empty until the first export, which makes it."""
    try:
        text = _read(_KEY_FILE, _MAX_KEY_BYTES).decode().strip()
        return signature.public_key(text)
    except (OSError, ValueError):
        return ""


def index() -> Index:
    """Return the index; the one before the first where nothing was exported, or where it cannot be read."""
    try:
        return Index.parse(_read(repository.INDEX, repository.MAX_INDEX_BYTES))
    except (OSError, SpocError):
        return repository.first_index()


def find(ref: ImageRef) -> Entry | None:
    """Return what the index says of an image; None where it was not exported."""
    return next((entry for entry in index().images if entry.ref == ref), None)


def resolve(text: str) -> ImageRef:
    """Return which exported image NAME or NAME:VERSION means: of a name alone the one exported last. Raises NotFound."""
    name, _, version = text.partition(":")
    found = [entry for entry in index().images if entry.name == name and (":" not in text or entry.version == version)]
    if not found:
        raise NotFound(f"There is no exported image {text[:127]!r}")
    return max(found, key=lambda entry: entry.created).ref


def open_file(ref: ImageRef) -> tuple[Entry, BinaryIO]:
    """Return what the index says of an image, and its open file. Raises NotFound."""
    entry = index().entry(ref)
    try:
        return entry, os.fdopen(_open(entry.file), "rb")
    except OSError as error:
        raise NotFound(f"The file of {ref} is not there: {error.strerror}", resolution="Export the image again.") from error


def request_export(actor: Actor, image: Image, *, retry_of: Job | None = None) -> Job:
    """Queue the export of an image into the own repository; one that is there is replaced."""
    access.require(actor, "images")
    with transaction.atomic():
        job = queue(actor, Operation.IMAGE_EXPORT, [str(image)], {}, host=image.host, retry_of=retry_of)
        audit.record(actor, "image.export", str(image), {}, job)
    return job


def request_removal(actor: Actor, ref: ImageRef) -> Job:
    """Queue the removal of an exported file; the image itself stays. Raises NotFound."""
    access.require(actor, "images")
    index().entry(ref)
    with transaction.atomic():
        job = queue(actor, Operation.EXPORT_REMOVE, [str(ref)], {}, host=hosts.current())
        audit.record(actor, "export.remove", str(ref), {}, job)
    return job


def _read(name: str, max_bytes: int) -> bytes:
    with os.fdopen(_open(name), "rb") as stream:
        return stream.read(max_bytes)


def _open(name: str) -> int:
    file = os.open(directory() / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise FileNotFoundError(name)
    return file
