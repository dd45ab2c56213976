"""Repositories of images and apps: known ones as rows, and the jobs that look into them and fetch from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from containers.choices import JobState
from containers.domain import repository
from containers.domain.entries import AppEntry, Entry, moment
from containers.domain.image import ImageRef
from containers.domain.repository import OWN, Index, RepositorySpec, Seen
from containers.domain.states import Operation
from containers.errors import Conflict, InvalidRequest, NotFound
from containers.models import ForgottenRepository, Host, Image, Job, Layer, Repository
from containers.services import access, audit, exported, hosts, images, inputs
from containers.services.actor import Actor
from containers.services.queue import queue


class Offer(StrEnum):
    """What an image of a repository is to this host."""

    NEW = "new"
    # The same name and version, of the same layers.
    HERE = "here"
    # The same name and version, of other layers: fetching it replaces what is here.
    DIFFERS = "differs"
    # Of a name that is here in other versions, all of them made earlier.
    NEWER = "newer"
    OTHER_VERSION = "other-version"


@dataclass(frozen=True)
class Offered:
    """An image of a repository beside what is here. `layers_here` counts those of its layers that need no unpacking."""

    entry: Entry
    offer: Offer
    layers_here: int

    @property
    def created_at(self) -> datetime:
        """Return when it was exported."""
        return datetime.fromisoformat(self.entry.created)

    @property
    def unpacked_bytes(self) -> int:
        """Return how much its layers hold, those included that are here."""
        return sum(layer.size for layer in self.entry.layers)


def add(actor: Actor, spec: RepositorySpec) -> tuple[Repository, Job]:
    """Write a repository's row and queue the first look into it. Raises InvalidRequest, and Conflict for a taken name."""
    access.require(actor, "images")
    check_place(spec.location)
    with transaction.atomic():
        host = hosts.lock()
        if Repository.objects.filter(host=host, name=spec.name).exists():
            raise Conflict(f"There is a repository {spec.name} already")
        row = Repository.objects.create(host=host, **spec.model_dump())
        job = queue(actor, Operation.REPOSITORY_REFRESH, [row.name], {}, host=host)
        audit.record(actor, "repository.add", row.name, spec.model_dump(), job)
    return row, job


def remove(actor: Actor, row: Repository, *, serial_too: bool = False) -> None:
    """Forget a repository; what was fetched stays, and so does the number of the newest index of its publisher.

    With `serial_too` that is forgotten, too: for a publisher who was really set back.
    """
    access.require(actor, "images")
    with transaction.atomic():
        hosts.lock()
        data = {"location": row.location, "public_key": row.public_key, "serial": row.serial}
        audit.record(actor, "repository.remove", row.name, {**data, **({"serial_too": True} if serial_too else {})})
        known = ForgottenRepository.objects.filter(host=row.host, public_key=row.public_key)
        if serial_too:
            known.delete()
        elif row.serial is not None and not known.filter(serial__gt=row.serial).exists():
            seen = {"serial": row.serial, "images": row.images, "apps": row.apps}
            ForgottenRepository.objects.update_or_create(host=row.host, public_key=row.public_key, defaults=seen)
        row.delete()


def seen(row: Repository) -> Seen:
    """Return what the newest index of a repository said that was seen. Raises InvalidRequest for a broken row.

    One that was not looked into yet may have been known before, by whatever name and place: its key tells.
    """
    known: Repository | ForgottenRepository = row
    if row.serial is None:
        known = ForgottenRepository.objects.filter(host=row.host, public_key=row.public_key).first() or row
    serial: object = known.serial
    if serial is not None and not isinstance(serial, int):
        raise InvalidRequest.of("repository.serial", "must be a whole number")
    return Seen(serial, *(found if isinstance(found, list) else [] for found in (known.images, known.apps)))


def request_refresh(actor: Actor, row: Repository) -> Job:
    """Queue a look into a repository: its index is fetched, checked and kept."""
    access.require(actor, "images")
    return queue(actor, Operation.REPOSITORY_REFRESH, [row.name], {}, host=row.host)


def failed_look(row: Repository) -> Job | None:
    """Return the last look into a repository where that did not succeed; one query."""
    looks = hosts.jobs().filter(operation=Operation.REPOSITORY_REFRESH, targets=[row.name], created_at__gte=row.created_at)
    last = looks.order_by("-pk").first()
    return last if last is not None and last.has_ended and last.state != JobState.SUCCEEDED else None


def request_fetch(actor: Actor, name: str, ref: ImageRef, *, retry_of: Job | None = None) -> Job:
    """Queue the fetching of an image from the repository `name`, the host's own included.

    What is here already is no error: the job finds nothing to do. Raises NotFound for an unknown repository, or an image
    that was not in its index at the last look.
    """
    access.require(actor, "images")
    offered(name, ref)
    parsed = inputs.parse(Operation.IMAGE_FETCH, {"repository": name}, idmap_size=settings.IDMAP_SIZE)
    with transaction.atomic():
        job = queue(actor, Operation.IMAGE_FETCH, [str(ref)], parsed.export(), retry_of=retry_of)
        audit.record(actor, "image.fetch", str(ref), parsed.export(), job)
    return job


def repeat_fetch(actor: Actor, job: Job) -> Job:
    """Queue once more the fetching that `job` was; it goes on where that was broken off."""
    (target,) = job.targets
    return request_fetch(actor, str(job.inputs.get("repository")), ImageRef.parse(str(target)), retry_of=job)


def offered(name: str, ref: ImageRef) -> Entry:
    """Return what a repository's index said of an image at the last look. Raises NotFound."""
    images = exported.index().images if name == OWN else entries(hosts.get_repository(name))
    for entry in images:
        if entry.ref == ref:
            return entry
    raise NotFound(f"There is no image {ref} in the repository {name}", resolution="Refresh the repository to look again.")


def entries(row: Repository) -> tuple[Entry, ...]:
    """Return what the index of a repository said; nothing where the row was changed behind the worker's back."""
    found = _index(row, images=row.images)
    return found.images if found else ()


def app_entries(row: Repository) -> tuple[AppEntry, ...]:
    """Return what the index of a repository said of apps; nothing where the row was changed behind the worker's back."""
    found = _index(row, apps=row.apps)
    return found.apps if found else ()


def _index(row: Repository, **said: object) -> Index | None:
    try:
        return Index.of({"serial": max(row.serial or 1, 1), "created": moment(timezone.now()), **said})
    except InvalidRequest:
        return None


def compared(images: Sequence[Entry], *, own: bool = False) -> list[Offered]:
    """Return the images of a repository, each beside what this host has; three queries, whatever their number.

    In the host's `own`, an image of that name and version is the same: its layers may have come from elsewhere, as streams
    of other bytes than those that an export makes of them.
    """
    names = {entry.name for entry in images}
    here = {image.ref: image for image in hosts.images().filter(name__in=names).with_layers()}
    digests = {layer.digest for entry in images for layer in entry.layers}
    known = set(hosts.layers().available().filter(digest__in=digests).values_list("digest", flat=True))
    newest: dict[str, datetime] = {}
    for image in here.values():
        newest[image.name] = max(newest.get(image.name, image.updated_at), image.updated_at)
    return [
        Offered(entry, _offer(entry, here.get(entry.ref), newest, own), sum(layer.digest in known for layer in entry.layers))
        for entry in images
    ]


def _offer(entry: Entry, image: Image | None, newest: dict[str, datetime], own: bool) -> Offer:
    if image is not None:
        return Offer.HERE if own or has_layers(image, entry) else Offer.DIFFERS
    if entry.name not in newest:
        return Offer.NEW
    return Offer.NEWER if datetime.fromisoformat(entry.created) > newest[entry.name] else Offer.OTHER_VERSION


def has_layers(image: Image, entry: Entry) -> bool:
    """Return whether an image consists of the layers that an entry names; load `with_layers()` first."""
    return images.digests(image) == entry.stack


def missing_bytes(host: Host, entry: Entry) -> int:
    """Return how much the layers of an image hold that are not here yet."""
    digests = {layer.digest for layer in entry.layers}
    known = set(Layer.objects.filter(host=host, is_available=True, digest__in=digests).values_list("digest", flat=True))
    return sum(layer.size for layer in entry.layers if layer.digest not in known)


def check_place(location: str) -> None:
    """Refuse early what the worker refuses when it opens the path, following no links. Raises InvalidRequest."""
    if repository.is_url(location):
        return
    allowed = (settings.DATA_DIR / "repository", *settings.IMPORT_DIRS)
    if not any(Path(location).is_relative_to(directory) for directory in allowed):
        places = ", ".join(map(str, settings.IMPORT_DIRS))
        raise InvalidRequest.of("location", f"must be a URL, or a directory below {places}")


def keep_index(row: Repository, index: Index) -> bool:
    """Write what a repository's verified index says. For the worker.

    Writes nothing, and returns False, where the row is gone, is about another place or key by now, or has seen a newer one.
    """
    rows = Repository.objects.filter(pk=row.pk, location=row.location, public_key=row.public_key)
    said = {"images": index.rows(), "apps": index.app_rows()}
    values: dict[str, Any] = {"serial": index.serial, **said, "checked_at": timezone.now()}
    return rows.exclude(serial__gt=index.serial).update(**values) == 1
