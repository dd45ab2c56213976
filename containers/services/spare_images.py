"""Images that jobs on apps have made and that nothing stands on any more: the catalogue makes them again when they are needed.

An image that somebody built, imported or fetched himself is never among them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from containers.choices import ACTIVE_JOB_STATES
from containers.domain.states import Operation
from containers.errors import Conflict
from containers.models import Image, Installation, Job, Layer
from containers.services import hosts, images, parents, ways_back

_MAKERS = frozenset({Operation.APP_INSTALL, Operation.APP_UPDATE, Operation.APP_RESTORE})


def find() -> list[Image]:
    """Return those on which no container, no way back and no recipe stands, with their layers; some five queries."""
    made = _made_by_apps(list(hosts.images().with_layers().order_by("name", "version")))
    users, backs = images.used_by(made), images.ways_back_on(made)
    named = parents.images_of_recipes() if made else set()
    return [image for image in made if not users[image.pk] and not backs[image.pk] and image.name not in named]


def check(ref: str) -> None:
    """Raise Conflict where an image is there that is none of these by now. Call it with the host locked."""
    image = next((image for image in hosts.images().with_layers() if str(image) == ref), None)
    if image is not None and image not in find():
        users = [*images.used_by([image])[image.pk], *map(str, images.ways_back_on([image])[image.pk])]
        raise Conflict(f"used by {', '.join(users)}" if users else "it is somebody's own, or a job is making it")


def left_by(row: Installation) -> list[tuple[Image, int]]:
    """Return the images that nothing of an installation stands on when it has gone back, and the bytes of what is theirs."""
    own = set(row.containers.values_list("container__name", flat=True))
    found = list(hosts.images().with_layers().order_by("name", "version"))
    users = images.used_by(found)
    then = {name for back, stack in ways_back.stacks() if back.installation == row.name for name in stack}
    new = [image for image in found if own.intersection(users[image.pk]) and not then.issuperset(images.layer_names(image))]
    return [(image, _size([layer for layer in _layers(image) if layer.name not in then])) for image in new]


def _made_by_apps(rows: Sequence[Image]) -> list[Image]:
    tops = {image.pk: layers[-1].job_id for image in rows if (layers := _layers(image))}
    jobs = Job.objects.filter(pk__in=set(tops.values()), operation__in=_MAKERS).exclude(state__in=ACTIVE_JOB_STATES)
    over = set(jobs.values_list("pk", flat=True))
    return [image for image in rows if tops.get(image.pk) in over]


def _layers(image: Image) -> list[Layer]:
    return [use.layer for use in image.image_layers.all()]


def _size(layers: Collection[Layer]) -> int:
    return sum(layer.size_bytes or 0 for layer in layers)
