"""What nothing uses: layers in no container, image or recipe, images that apps have left, uploads, unfinished work.

Images that somebody made stay.
"""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from containers.domain import names
from containers.domain.states import Operation
from containers.errors import InvalidRequest, SpocError
from containers.models import Image, Job
from containers.services import access, audit, hosts, inputs, parents, spare_images, tickets, ways_back
from containers.services import images as images_of_all
from containers.services.actor import Actor
from containers.services.queue import queue
from containers.services.sessions import Session

# A file that is written to may be on its way yet.
UPLOAD_AGE_S: Final = 3600
# More than anybody looks through; the rest comes with the next clean-up.
MOST: Final = 500


@dataclass(frozen=True)
class Unused:
    """Something that can go: its name, and what that frees in bytes, if known."""

    name: str
    size: int | None

    @property
    def is_download(self) -> bool:
        """Whether it is a file that is half here, with which the next try goes on."""
        return self.name.startswith("downloads/")


@dataclass(frozen=True)
class Findings:
    """All that can go. `leftovers` is None where root's session server was not asked, or does not answer."""

    layers: tuple[Unused, ...]
    uploads: tuple[Unused, ...]
    leftovers: tuple[Unused, ...] | None
    # Of apps; their layers go with them.
    images: tuple[Unused, ...] = ()

    @property
    def everything(self) -> tuple[Unused, ...]:
        """All of it in one row."""
        return (*self.images, *self.layers, *self.uploads, *(self.leftovers or ()))

    @property
    def size(self) -> int:
        """How many bytes it frees at least."""
        return sum(item.size or 0 for item in self.everything)


def find(actor: Actor) -> Findings:
    """Look at what nothing uses now; some ten queries, four for each image, and for who is signed in a question to root."""
    access.require(actor, "view")
    named = {*parents.named_by_recipes(), *ways_back.layers()}
    unused = hosts.layers().available().filter(uses=None, image_uses=None).exclude(name__in=named)[:MOST]
    return Findings(
        # A row whose name is none, which the list of layers shows, is nothing that a job could remove.
        layers=tuple(Unused(row.name, row.size_bytes) for row in unused if hosts.is_name(names.layer_name, row.name)),
        uploads=tuple(_stale_uploads()),
        leftovers=_leftovers(actor),
        images=tuple(Unused(str(image), _freed(image)) for image in spare_images.find()[:MOST]),
    )


def _freed(image: Image) -> int:
    return sum(layer.size_bytes or 0 for layer in images_of_all.removal(image).gone)


def request_clean_up(
    actor: Actor,
    *,
    layers: Collection[str] = (),
    uploads: Collection[str] = (),
    images: Collection[str] = (),
    leftovers: bool = False,
) -> Job:
    """Queue the removal of what is named, of what a list showed; what is used by then stays, and the job says so.

    Raises InvalidRequest for what cannot be a name, or when nothing is named, NotFound for an image that is gone.
    """
    access.require(actor, "images")
    # With the layers: a removal that is lost half-way has no image any more to ask.
    stacks = {ref: images_of_all.layer_names(hosts.get_image(ref, hosts.images().with_layers())) for ref in images}
    given = {"layers": list(layers), "uploads": list(uploads), "images": stacks, "leftovers": leftovers}
    parsed = inputs.parse(Operation.CLEAN_UP, given, idmap_size=settings.IDMAP_SIZE).export()
    if not parsed:
        raise InvalidRequest("Nothing was named that could go")
    with transaction.atomic():
        job = queue(actor, Operation.CLEAN_UP, [], parsed)
        audit.record(actor, "clean-up", hosts.current().name, parsed, job)
    return job


def uploads_in_use(*, besides: Job | None = None) -> set[str]:
    """Return the uploads that jobs are still to read."""
    active = hosts.jobs().active()
    if besides is not None:
        active = active.exclude(pk=besides.pk)
    found = (given.get("upload") for given in active.values_list("inputs", flat=True) if isinstance(given, dict))
    return {name for name in found if isinstance(name, str)}


def _stale_uploads() -> Iterator[Unused]:
    in_use = uploads_in_use()
    before = time.time() - UPLOAD_AGE_S
    for path in sorted(Path(settings.MEDIA_ROOT).glob("*"))[:MOST]:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mtime < before and path.name not in in_use:
            yield Unused(path.name, status.st_blocks * 512)


def _leftovers(actor: Actor) -> tuple[Unused, ...] | None:
    if actor.user is None:
        return None
    try:
        ticket = tickets.issue(actor, "leftovers", settings.HOST, {})
        with Session.open(ticket, user_id=actor.user.pk, kind="leftovers", subject=settings.HOST) as session:
            found: dict[str, Any] = json.loads(b"".join(frame.payload for frame in session))
    except SpocError:
        return None
    return tuple(Unused(name, int(size)) for name, size in found.items())
