"""Uploaded files, kept for the worker under generated names; nothing of a file's own name stays."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest

from containers.domain.amounts import size
from containers.errors import Conflict, HostError, TooLarge
from containers.models import Job

# What a body that is sent leaves free for database and logs, in bytes; a twentieth of a small file system.
KEPT_FREE: Final = 256 << 20
_FULL: Final = "Make room on the host's disk, Clean up says where, and send it again"


class UploadHandler(TemporaryFileUploadHandler):
    """Writes a file that is sent to the disk; one that is full keeps nothing of it."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write what came; raise HostError, and remove the file, where there is no room."""
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError as error:
            self.upload_interrupted()
            raise HostError(f"The file cannot be kept: {error.strerror}", resolution=_FULL) from error


def is_large(request: HttpRequest) -> bool:
    """Return whether what is sent is written to the disk while it is read; what is not is kept in memory."""
    return request.content_type == "multipart/form-data" and _length(request) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE


def require_room(request: HttpRequest) -> None:
    """Raise TooLarge where what is sent would leave the panel itself without room on the disk."""
    if not is_large(request):
        return
    length = _length(request)
    status = os.statvfs(settings.MEDIA_ROOT)
    free = status.f_bavail * status.f_frsize
    if length > free - min(KEPT_FREE, status.f_blocks * status.f_frsize // 20):
        raise TooLarge(f"There is no room for {size(length)}: {size(free)} are free", resolution=_FULL)


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


def _length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def _store(upload: File[Any], target: Path) -> None:
    if isinstance(upload, TemporaryUploadedFile):
        # It lies in the same directory already: no second copy of what may be gigabytes.
        Path(upload.temporary_file_path()).rename(target)
        return
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, settings.FILE_UPLOAD_PERMISSIONS), "wb") as stream:
            for chunk in upload.chunks():
                stream.write(chunk)
    except OSError as error:
        raise HostError(f"The file cannot be kept: {error.strerror}", resolution=_FULL) from error
