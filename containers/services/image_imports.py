"""The jobs that make images of what others have made: files of images, and registries."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from containers.domain import reference
from containers.domain.image import ImageRef
from containers.domain.states import Operation
from containers.models import Job
from containers.services import access, audit, hosts, inputs, layers, uploads
from containers.services.actor import Actor
from containers.services.queue import queue


def request_import(
    actor: Actor,
    image: str,
    *,
    path: str | None = None,
    upload: str | None = None,
    pick: str | None = None,
    retry_of: Job | None = None,
) -> Job:
    """Queue the import of NAME[:VERSION] from an OCI archive, an OCI layout or an archive of `docker save`.

    It lies at `path` on the server or is a stored upload; `pick` says which image of several. An image of that name and
    version is replaced when all of the new one is there. Raises InvalidRequest.
    """
    target = ImageRef.parse(image)
    given = {key: value for key, value in (("path", path), ("upload", upload), ("pick", pick)) if value is not None}
    if path is not None:
        layers.check_directory(path)
    return _queue(actor, Operation.IMAGE_IMPORT, target, given, retry_of)


def request_import_of(actor: Actor, image: str, upload: UploadedFile[Any], *, pick: str | None = None) -> Job:
    """Keep an uploaded file and queue its import; where that is refused, nothing of it stays."""
    access.require(actor, "images")
    with uploads.kept(upload) as stored:
        return request_import(actor, image, upload=stored, pick=pick)


def request_pull(actor: Actor, ref: str, *, image: str | None = None) -> Job:
    """Queue the pull of an image from a registry; without a name it is called as it is there. Raises InvalidRequest."""
    access.require(actor, "images")
    inputs.parse(Operation.IMAGE_PULL, {"reference": ref}, idmap_size=settings.IDMAP_SIZE)
    target = ImageRef.parse(image) if image else reference.image_of(ref)
    return _queue(actor, Operation.IMAGE_PULL, target, {"reference": ref}, None)


def repeat_import(actor: Actor, job: Job) -> Job:
    """Queue once more the import that `job` was. Raises Conflict when the uploaded file is gone."""
    uploads.check(job)
    (image,) = job.targets
    given = {key: job.inputs.get(key) for key in ("path", "upload", "pick")}
    return request_import(actor, image, retry_of=job, **given)


def _queue(actor: Actor, operation: Operation, image: ImageRef, given: dict[str, Any], retry_of: Job | None) -> Job:
    access.require(actor, "images")
    parsed = inputs.parse(operation, given, idmap_size=settings.IDMAP_SIZE).export()
    with transaction.atomic():
        job = queue(actor, operation, [str(image)], parsed, host=hosts.current(), retry_of=retry_of)
        audit.record(actor, operation.replace("-", "."), str(image), parsed, job)
    return job
