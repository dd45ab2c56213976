"""Images as rows: written when all their layers are there, used to fill in definitions, removed when nothing uses them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from containers.domain.image import Defaults, ImageRef
from containers.domain.states import Operation
from containers.errors import Conflict, InvalidRequest, NotFound
from containers.models import Host, Image, ImageLayer, Job, Layer, LayerUse
from containers.services import access, audit, hosts, layers, ways_back
from containers.services.actor import Actor
from containers.services.queue import queue
from containers.services.ways_back import WayBack


def write(host: Host, ref: ImageRef, stack: Sequence[str], defaults: Defaults, *, origin: str = "") -> Image:
    """Write an image of `stack`, available layers, the lowest first; one of that name and version is replaced. For the worker.

    Safe to repeat. Raises NotFound naming a layer that is not there.
    """
    with transaction.atomic():
        found = dict(Layer.objects.filter(host=host, name__in=stack, is_available=True).values_list("name", "pk"))
        if missing := [name for name in stack if name not in found]:
            raise NotFound(f"there is no layer {', '.join(missing)}")
        values = {"defaults": defaults.export(), "origin": origin}
        image, _ = Image.objects.update_or_create(host=host, name=ref.name, version=ref.version, defaults=values)
        ImageLayer.objects.filter(image=image).delete()
        rows = (ImageLayer(image=image, layer_id=found[name], position=at) for at, name in enumerate(stack))
        ImageLayer.objects.bulk_create(rows)
    return image


def used_by(images: Collection[Image]) -> dict[int, list[str]]:
    """Return, by key of the image, the names of the containers whose lowest layers are the image's; one query.

    Nothing is remembered of how a container was made: what it stands on is looked at. Load `with_layers()` first.
    """
    stacks = {image.pk: tuple(use.layer_id for use in image.image_layers.all()) for image in images}
    lowest = {stack[0] for stack in stacks.values() if stack}
    by_lowest: dict[int, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for name, stack in _stacks_on(lowest).items():
        by_lowest[stack[0]].append((name, stack))
    return {
        key: sorted(name for name, used in by_lowest[stack[0]] if used[: len(stack)] == stack) if stack else []
        for key, stack in stacks.items()
    }


def ways_back_on(images: Collection[Image]) -> dict[int, list[WayBack]]:
    """Return, by key of the image, whose way back stands on it; one query. Load `with_layers()` first."""
    needed = ways_back.stacks()
    stacks = {image.pk: tuple(layer_names(image)) for image in images}
    return {
        key: list(dict.fromkeys(back for back, used in needed if stack and used[: len(stack)] == stack))
        for key, stack in stacks.items()
    }


def _stacks_on(lowest: Collection[int]) -> dict[str, tuple[int, ...]]:
    """Return the layers of each container that stands on one of `lowest`, the lowest first."""
    standing = hosts.containers().filter(layer_uses__position=0, layer_uses__layer__in=lowest)
    uses = LayerUse.objects.filter(container__in=standing).order_by("container", "position")
    stacks: dict[str, list[int]] = defaultdict(list)
    for name, layer in uses.values_list("container__name", "layer"):
        stacks[name].append(layer)
    return {name: tuple(stack) for name, stack in stacks.items()}


def filled_in(data: object) -> object:
    """Return the JSON of a container that names an `image` with the image's layers and defaults in its definition.

    What the definition says itself wins, its environment key by key; whatever is wrong otherwise is for `ContainerSpec`
    to say. Raises InvalidRequest where there is no such image, or where layers are given as well.
    """
    if not isinstance(data, Mapping) or "image" not in data:
        return data
    rest = {key: value for key, value in data.items() if key != "image"}
    if data["image"] is None:
        return rest
    definition = rest.get("definition", {})
    if not isinstance(definition, Mapping):
        return rest
    if "layers" in definition:
        raise InvalidRequest.of("definition.layers", "must not be given beside an image, which has layers of its own")
    base = base_of(find(data["image"]))
    env = definition.get("env", {})
    own = {**definition, "env": {**base.get("env", {}), **env}} if isinstance(env, Mapping) else definition
    return {**rest, "definition": {**base, **own}}


def find(text: object) -> Image:
    """Return the image that a form names, with its layers. Raises InvalidRequest about "image"."""
    if not isinstance(text, str):
        raise InvalidRequest.of("image", "must be text")
    try:
        return hosts.get_image(text, hosts.images().with_layers())
    except NotFound as error:
        raise InvalidRequest.of("image", error.brief) from error


def base_of(image: Image) -> dict[str, Any]:
    """Return what a definition made from an image begins with: its layers and defaults, in the definition's JSON form.

    Load `with_layers()` first. Raises InvalidRequest where the image's row is broken.
    """
    return {"layers": layer_names(image), **image.valid_defaults.export()}


def layer_names(image: Image) -> list[str]:
    """Return the names of an image's layers, the lowest first; load `with_layers()` first."""
    return [use.layer.name for use in image.image_layers.all()]


def digests(image: Image) -> list[str]:
    """Return the digests of an image's layers, the lowest first, empty where unknown; load `with_layers()` first."""
    return [use.layer.digest for use in image.image_layers.all()]


def size(image: Image) -> int:
    """Return the sum of an image's layers in bytes, those of unknown size left out; load `with_layers()` first."""
    return sum(use.layer.size_bytes or 0 for use in image.image_layers.all())


@dataclass(frozen=True)
class Removal:
    """What becomes of an image's layers when the image goes: those that go, too, and who else uses the others."""

    gone: list[Layer]
    kept: list[tuple[Layer, list[str]]]


def removal(image: Image) -> Removal:
    """Look at what the removal of an image would take with it; four queries beside those of `with_layers()`."""
    rows = [use.layer for use in image.image_layers.all()]
    users = layers.users(rows, besides=image, recipes=True)
    return Removal([row for row in rows if not users[row.pk]], [(row, users[row.pk]) for row in rows if users[row.pk]])


def request_remove(actor: Actor, image: Image) -> Job:
    """Queue the removal of an image and of those of its layers that nothing else uses; load `with_layers()` first.

    Raises Conflict naming the containers that stand on it. The layers stand in the job's inputs: a removal that is lost
    half-way has no image any more to ask.
    """
    access.require(actor, "images")
    check_unused(image)
    given = {"layers": layer_names(image)}
    with transaction.atomic():
        job = queue(actor, Operation.IMAGE_REMOVE, [str(image)], given, host=image.host)
        audit.record(actor, "image.remove", str(image), given, job)
    return job


def check_unused(image: Image) -> None:
    """Raise Conflict naming the containers and ways back that stand on an image; load `with_layers()` first."""
    if names := [*used_by([image])[image.pk], *map(str, ways_back_on([image])[image.pk])]:
        raise Conflict(f"The image {image} is used by {', '.join(names)}")


def forget(
    host: Host, ref: ImageRef, candidates: Collection[str], *, mounted: Mapping[str, list[str]]
) -> tuple[list[str], dict[str, list[str]]]:
    """Delete an image's row and the rows of its layers that nothing else uses. For the worker; safe to repeat.

    `mounted` says by layer which containers stand on it right now, whatever their definitions say. Returns the names of
    the layers whose directories are nobody's now, those of `candidates` without a row included, and who uses each of the
    others. Raises Conflict while a container stands on the image.
    """
    with transaction.atomic():
        hosts.lock()
        image = Image.objects.with_layers().filter(host=host, name=ref.name, version=ref.version).first()
        names = set(candidates)
        if image is not None:
            check_unused(image)
            names |= set(layer_names(image))
            image.delete()
        kept = layers.forget_unused(host, names, mounted=mounted)
    return sorted(names - kept.keys()), kept
