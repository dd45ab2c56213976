"""What a job has made, to go on with from the job's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from containers.catalog import apps
from containers.choices import JobState, Operation
from containers.domain.image import ImageRef
from containers.domain.repository import OWN
from containers.errors import SpocError
from containers.models import Image, Installation, Job, Layer
from containers.services import hosts, installations
from containers.services.app_requests import APP_OPERATIONS

_LAYERS: Final = (Operation.LAYER_IMPORT, Operation.LAYER_BOOTSTRAP)
_IMAGES: Final = (Operation.IMAGE_BUILD, Operation.IMAGE_IMPORT, Operation.IMAGE_PULL, Operation.IMAGE_FETCH)


@dataclass(frozen=True)
class Made:
    """What is there since: "layer", "image", "app" or "installation", or where it went: "repository"."""

    kind: str
    name: str
    url: str


def of(job: Job) -> Made | None:
    """Return what a job that succeeded has made, if it is there still; one query for those that make something.

    Of an app also while the job goes on, and when it failed: there is more to see on the app's own page.
    """
    targets = [str(target) for target in job.targets]
    if job.operation in APP_OPERATIONS and len(targets) == 1:
        return _installation(targets[0])
    if job.state != JobState.SUCCEEDED or len(targets) != 1:
        return None
    if job.operation == Operation.CATALOGUE_FETCH:
        return Made("app", targets[0], reverse("app-detail", args=targets)) if apps.find_folder(targets[0]) else None
    if job.operation in {Operation.IMAGE_EXPORT, Operation.CATALOGUE_PUBLISH}:
        return Made("repository", OWN, reverse("repository-detail", args=[OWN]))
    if job.operation == Operation.REPOSITORY_REFRESH:
        return Made("repository", targets[0], reverse("repository-detail", args=targets))
    if job.operation == Operation.LAYER_COMMIT:
        return _layer(str(job.inputs.get("layer")))
    if job.operation in _LAYERS:
        return _layer(targets[0])
    return _image(targets[0]) if job.operation in _IMAGES else None


def _installation(name: str) -> Made | None:
    row: Installation | None = installations.rows().filter(name=name).first()
    return Made("installation", name, reverse("installation-detail", args=[name])) if row else None


def _layer(name: str) -> Made | None:
    row: Layer | None = hosts.layers().filter(name=name).first()
    return Made("layer", name, row.get_absolute_url()) if row else None


def _image(text: str) -> Made | None:
    try:
        ref = ImageRef.parse(text)
    except SpocError:
        return None
    row: Image | None = hosts.images().filter(name=ref.name, version=ref.version).first()
    return Made("image", str(ref), row.get_absolute_url()) if row else None
