"""Uploaded files, kept for the worker under generated names; nothing of a file's own name stays."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import TemporaryUploadedFile

from containers.errors import Conflict
from containers.models import Job


@contextmanager
def kept(upload: File[Any]) -> Iterator[str]:
    """Keep a file for the job that the block queues, and yield its name; where the block raises, nothing of it stays."""
    name = secrets.token_hex(16)
    target = path(name)
    try:
        _store(upload, target)
        yield name
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def path(name: str) -> Path:
    """Return where the worker finds a kept file."""
    return Path(settings.MEDIA_ROOT) / name


def check(job: Job) -> None:
    """Raise Conflict when a job was about an uploaded file that is gone."""
    upload = job.inputs.get("upload")
    if upload and not path(str(upload)).is_file():
        raise Conflict("The uploaded archive is gone", resolution="Upload it again.")


def _store(upload: File[Any], target: Path) -> None:
    if isinstance(upload, TemporaryUploadedFile):
        # It lies in the same directory already: no second copy of what may be gigabytes.
        Path(upload.temporary_file_path()).rename(target)
        return
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, settings.FILE_UPLOAD_PERMISSIONS), "wb") as stream:
        for chunk in upload.chunks():
            stream.write(chunk)
