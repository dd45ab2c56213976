"""The apps as they were when they were installed: root's copies of their folders, read and judged as the catalogue is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from django.conf import settings

from containers.catalog import apps
from containers.catalog.apps import App
from containers.domain.layout import Layout
from containers.errors import NotFound


def find(installation: str, digest: str) -> App:
    """Return the app that is kept for an installation. Raises NotFound, InvalidRequest where it is not root's alone."""
    layout = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)
    try:
        folder = layout.kept_app(installation, digest)
    except ValueError as error:
        raise NotFound(f"What {installation} was made of was not kept") from error
    if not folder.is_dir():
        raise NotFound(f"What {installation} was made of is gone")
    return apps.read(folder, trusted=True)


def digest(folder: Mapping[str, bytes]) -> str:
    """Return what the copy of a folder, {path: content}, is called: the SHA-256 of all that is in it."""
    facts = {path: [fact.digest, fact.is_executable] for path, fact in apps.facts(folder).items()}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
