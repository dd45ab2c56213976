"""Images as rows: written when all their layers are there."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from containers.domain.image import Defaults, ImageRef
from containers.errors import NotFound
from containers.models import Host, Image, ImageLayer, Layer


def write(host: Host, ref: ImageRef, layers: Sequence[str], defaults: Defaults, *, origin: str = "") -> Image:
    """Write an image of available layers, the lowest first; one of that name and version is replaced. For the worker.

    Safe to repeat. Raises NotFound naming a layer that is not there.
    """
    with transaction.atomic():
        found = dict(Layer.objects.filter(host=host, name__in=layers, is_available=True).values_list("name", "pk"))
        if missing := [name for name in layers if name not in found]:
            raise NotFound(f"there is no layer {', '.join(missing)}")
        values = {"defaults": defaults.export(), "origin": origin}
        image, _ = Image.objects.update_or_create(host=host, name=ref.name, version=ref.version, defaults=values)
        ImageLayer.objects.filter(image=image).delete()
        rows = (ImageLayer(image=image, layer_id=found[name], position=at) for at, name in enumerate(layers))
        ImageLayer.objects.bulk_create(rows)
    return image
