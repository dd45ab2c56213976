"""Rows of layers that a job makes for an image: written before the directories get their names. For the worker.

In between a job can be killed at any moment: its layers' rows say whose they are, and the reaper has them removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import transaction

from containers.choices import LayerSource
from containers.domain.image import ImageRef, layer_names
from containers.models import Host, Job, Layer
from containers.querysets import LayerQuerySet
from containers.services import hosts


@dataclass(frozen=True)
class Origin:
    """Where layers come from."""

    source: LayerSource
    text: str


def available(host: Host) -> dict[str, str]:
    """Return the names of the layers that can be used, by digest; of several that are the same, one."""
    rows = Layer.objects.filter(host=host, is_available=True).exclude(digest="").order_by("-name")
    return dict(rows.values_list("digest", "name"))


def reserve(
    job: Job,
    ref: ImageRef,
    sizes: Mapping[str, int],
    origin: Origin,
    *,
    is_free: Callable[[str], bool],
) -> dict[str, str]:
    """Write a row for each new layer of an image, by digest with its size in bytes; return the names by digest.

    Of what another job has made meanwhile the other's name is returned, and no row written. `is_free` is asked whether
    nothing has a name on the host.
    """
    with transaction.atomic():
        hosts.lock()
        names = {digest: name for digest, name in available(job.host).items() if digest in sizes}
        taken = set(Layer.objects.filter(host=job.host).values_list("name", flat=True))
        candidates = (name for name in layer_names(ref) if name not in taken and is_free(name))
        for digest, size in sizes.items():
            if digest not in names:
                names[digest] = next(candidates)
                about = {"size_bytes": size, "digest": digest, "source": origin.source, "origin": origin.text}
                Layer.objects.create(host=job.host, job=job, name=names[digest], **about)
    return names


def unfinished(job: Job) -> LayerQuerySet:
    """Return the layers that a job has announced and not finished."""
    return Layer.objects.filter(job=job, is_available=False)


def finish(job: Job) -> None:
    """Write that a job's layers are there."""
    unfinished(job).update(is_available=True)
