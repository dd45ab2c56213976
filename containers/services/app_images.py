"""The images that an app stands on: which are there, and what those that are to be built will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import transaction

from containers.catalog import apps
from containers.catalog.apps import App
from containers.choices import LayerSource
from containers.domain import build as building
from containers.domain import recipe as recipes
from containers.domain.bases import BASES
from containers.domain.image import Defaults, layer_names
from containers.domain.installation import Stack
from containers.errors import InvalidRequest, NotFound
from containers.models import Image, ImageLayer, Job, Layer
from containers.services import hosts, ways_back
from containers.services.parents import Catalogue

# Layers that are an app's own; base systems are everybody's.
_MADE: Final = (LayerSource.BUILD, LayerSource.FETCH)


@dataclass(frozen=True)
class Expected:
    """An image of an app: what it is called, its layers as they are or will be, and whether they are there."""

    key: str
    ref: str
    stack: Stack
    is_there: bool


def missing_bases(app: App) -> list[str]:
    """Return the base systems that the app's recipes stand on and that spocweb makes itself where they are missing."""
    catalogue = Catalogue.load()
    wanted = dict.fromkeys(
        parent
        for key, source in app.manifest.images.items()
        if source.recipe
        for parent in recipes.parse(app.recipe(key)).parents.parents
    )
    return [name for name in wanted if name in BASES and catalogue.newest(name) is None and not _has_layer(catalogue, name)]


def expected(app: App) -> list[Expected]:
    """Return the app's images. Raises InvalidRequest naming what is not there and cannot be made here."""
    catalogue = Catalogue.load()
    found: list[Expected] = []
    for key in app.manifest.images:
        source = app.manifest.images[key]
        found.append(
            _built(app, key, catalogue) if source.recipe else _ready(app, key, may_be_fetched=source.repository is not None)
        )
    return found


def withdraw(job: Job) -> list[str]:
    """Take back the images that a job has built or fetched, and return those of their layers that are nobody's now.

    Not taken back is what a container, another image or a way back stands on by then. For the worker; safe to repeat.
    """
    with transaction.atomic():
        hosts.lock()
        rows = Layer.objects.filter(host=job.host_id, job=job, source__in=_MADE, uses=None).exclude(name__in=ways_back.layers())
        own = {image.pk for image in hosts.images().with_layers() if (top := _top(image)) and top.job_id == job.pk}
        foreign = ImageLayer.objects.filter(layer__in=rows).exclude(image__in=own).values_list("layer", flat=True)
        gone = [row for row in rows if row.pk not in set(foreign)]
        Image.objects.filter(pk__in=own, image_layers__layer__in=gone).delete()
        Layer.objects.filter(pk__in=[row.pk for row in gone]).update(is_available=False)
    return [row.name for row in gone]


def _top(image: Image) -> Layer | None:
    return next((use.layer for use in reversed(image.image_layers.all())), None)


def stack(ref: str) -> Stack:
    """Return the layers and defaults of an image. Raises NotFound, InvalidRequest."""
    image = hosts.get_image(ref, hosts.images().with_layers())
    return Stack(tuple(use.layer.name for use in image.image_layers.all()), image.valid_defaults)


def _ready(app: App, key: str, *, may_be_fetched: bool) -> Expected:
    ref = app.manifest.image_ref(key)
    try:
        return Expected(key, str(ref), stack(str(ref)), is_there=True)
    except NotFound as error:
        if may_be_fetched:
            return Expected(key, str(ref), Stack((next(layer_names(ref)),)), is_there=False)
        raise InvalidRequest.of(f"images.{key}", f"there is no image {ref}") from error


def _built(app: App, key: str, catalogue: Catalogue) -> Expected:
    parsed = recipes.parse(app.recipe(key))
    ref = app.manifest.image_ref(key)
    facts = apps.facts(app.recipe_files(key))
    missing = [name for name in parsed.parents.parents if name in BASES and catalogue.newest(name) is None]
    missing = [name for name in missing if not _has_layer(catalogue, name)]
    if missing:
        made = building.build(parsed, Defaults(), facts, idmap_size=settings.IDMAP_SIZE)
        return Expected(key, str(ref), Stack((*parsed.parents.parents, next(layer_names(ref))), made.defaults), is_there=False)
    try:
        parents = catalogue.find(parsed.parents)
    except InvalidRequest as error:
        raise InvalidRequest.of(f"images.{key}", error.brief) from error
    made = building.build(parsed, parents.defaults, facts, idmap_size=settings.IDMAP_SIZE)
    known = hosts.layers().available().filter(build_key=made.key(parents.identities, facts)).first() if made.makes_layer else None
    own = (known.name if known else next(layer_names(ref)),) if made.makes_layer else ()
    return Expected(key, str(ref), Stack((*parents.names, *own), made.defaults), is_there=known is not None)


def _has_layer(catalogue: Catalogue, name: str) -> bool:
    return name in catalogue.layers and catalogue.layers[name].is_available
