"""What a recipe's image stands on: images and layers by the names behind FROM."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from typing import Self

from containers.domain import build, recipe
from containers.domain.image import Defaults
from containers.domain.instructions import From
from containers.domain.statements import field
from containers.errors import FieldError, InvalidRequest, NotFound
from containers.models import Image, Layer
from containers.services import hosts


@dataclass(frozen=True)
class Parents:
    """Available layers, the lowest first, each once, and what the images say about containers made from them."""

    layers: tuple[Layer, ...]
    defaults: Defaults

    @property
    def names(self) -> tuple[str, ...]:
        """The layers' names."""
        return tuple(layer.name for layer in self.layers)

    @property
    def identities(self) -> tuple[str, ...]:
        """What a build's key says of them: a digest, or where there is none, which row it is."""
        return tuple(layer.digest or f"{layer.name} {layer.created_at.isoformat()}" for layer in self.layers)


@dataclass(frozen=True)
class Catalogue:
    """All images and layers of the host, by name; of an image's versions the newest comes first."""

    images: Mapping[str, tuple[Image, ...]]
    layers: Mapping[str, Layer]

    @classmethod
    def load(cls) -> Self:
        """Read them: three queries, however many recipes are then looked at."""
        images: dict[str, tuple[Image, ...]] = {}
        for image in hosts.images().with_layers().order_by("-updated_at", "-pk"):
            images[image.name] = (*images.get(image.name, ()), image)
        return cls(images, {layer.name: layer for layer in hosts.layers()})

    def newest(self, name: str) -> Image | None:
        """Return the newest version of an image."""
        return next(iter(self.images.get(name, ())), None)

    def find(self, parents: From) -> Parents:
        """Look up what a recipe names. A name without a version is the newest version of that image, or else a layer.

        A layer that comes more than once counts where it comes first. Raises InvalidRequest about the line of FROM, with
        all that is missing or not ready for use.
        """
        found: list[tuple[list[Layer], Defaults]] = []
        errors: list[FieldError] = []
        for name in parents.parents:
            try:
                found.append(self._find(name))
            except (NotFound, InvalidRequest) as error:
                errors.append(FieldError(field(parents.line), error.brief))
        layers: Mapping[int, Layer] = {layer.pk: layer for stack, _ in found for layer in stack}
        unavailable = [layer.name for layer in layers.values() if not layer.is_available]
        errors += [FieldError(field(parents.line), f"the layer {name} is not ready for use yet") for name in unavailable]
        if errors:
            raise InvalidRequest.all(tuple(errors))
        return Parents(tuple(layers.values()), reduce(build.merged, (defaults for _, defaults in found)))

    def _find(self, text: str) -> tuple[list[Layer], Defaults]:
        name, separator, version = text.partition(":")
        versions = (image for image in self.images.get(name, ()) if not separator or image.version == version)
        image = next(versions, None)
        if image is not None:
            return [use.layer for use in image.image_layers.all()], image.valid_defaults
        if separator:
            raise NotFound(f"there is no image {text}")
        if name not in self.layers:
            raise NotFound(f"there is no image and no layer {name}")
        return [self.layers[name]], Defaults()


def images_of_recipes() -> set[str]:
    """Return the names, without versions, of all that recipes stand on; one query. A recipe that cannot be read has none."""
    found: set[str] = set()
    for text in hosts.recipes().values_list("text", flat=True):
        with suppress(InvalidRequest):
            found |= {parent.partition(":")[0] for parent in recipe.parse(text).parents.parents}
    return found


def named_by_recipes() -> dict[str, list[str]]:
    """Return, by the name of a layer, the recipes that stand on it as such, not on an image of that name; two queries.

    A recipe that cannot be read stands on nothing.
    """
    images = set(hosts.images().values_list("name", flat=True))
    found: dict[str, list[str]] = defaultdict(list)
    for name, text in hosts.recipes().values_list("name", "text"):
        try:
            parents = recipe.parse(text).parents.parents
        except InvalidRequest:
            continue
        for parent in dict.fromkeys(parents):
            if parent not in images:
                found[parent].append(name)
    return dict(found)
