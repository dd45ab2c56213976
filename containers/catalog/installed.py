"""The apps as they were when they were installed: root's copies of their folders, read and judged as the catalogue is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from containers.catalog import apps, folders
from containers.catalog.apps import App
from containers.domain import origin
from containers.domain.layout import Layout
from containers.domain.origin import Source
from containers.errors import NotFound


def find(installation: str, digest: str) -> App:
    """Return the app that is kept for an installation. Raises NotFound, InvalidRequest where it is not root's alone."""
    folder = _folder(installation, digest)
    known = _source(folder)
    return replace(apps.read(folder, trusted=True), origin=known.origin if known else None, is_source_known=known is not None)


def source(installation: str, digest: str) -> Source | None:
    """Return where an installed app came from, None where that was not written down. Raises as `find` does."""
    return _source(_folder(installation, digest))


def _source(folder: Path) -> Source | None:
    if not (folder / origin.SOURCE_NAME).exists():
        return None
    return Source.parse(folders.read_hidden(folder, origin.SOURCE_NAME, max_bytes=origin.MAX_BYTES))


def _folder(installation: str, digest: str) -> Path:
    layout = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)
    try:
        folder = layout.kept_app(installation, digest)
    except ValueError as error:
        raise NotFound(f"What {installation} was made of was not kept") from error
    if not folder.is_dir():
        raise NotFound(f"What {installation} was made of is gone")
    return folder


def digest(app: App) -> str:
    """Return what the copy of an app's folder is called: the SHA-256 of all that is in it, and of who it is from."""
    facts = {path: [fact.digest, fact.is_executable] for path, fact in apps.facts(app.folder).items()}
    publisher = app.source.publisher
    facts[origin.SOURCE_NAME] = [publisher.repository, publisher.key]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
