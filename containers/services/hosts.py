"""The host whose containers this process serves: the one place, beside the queue's name, that takes it for the only one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import models

from containers.choices import LayerSource
from containers.domain import names
from containers.domain.image import ImageRef, image_name
from containers.errors import InvalidRequest, NotFound
from containers.models import Container, Host, Image, Job, Layer, Recipe, Repository
from containers.querysets import ContainerQuerySet, ImageQuerySet, JobQuerySet, LayerQuerySet

# What both databases hold as a key; more would be an error of theirs, not an answer.
MAX_ID: Final = 2**63 - 1


def current() -> Host:
    """Return the host's row; the first call on a new database makes it."""
    return Host.objects.get_or_create(name=settings.HOST)[0]


def current_name() -> str:
    """Return the host's name, at no cost."""
    return settings.HOST


def monitor_seen_at() -> datetime | None:
    """Return when this host's monitor last looked at everything; None if it never has."""
    return Host.objects.filter(name=settings.HOST).values_list("monitor_seen_at", flat=True).first()


def lock() -> Host:
    """Return the host's row, locked until the transaction ends: graph, addresses and layers change one at a time.

    SQLite has no row locks; there the transaction itself, which is immediate, keeps others out.
    """
    current()
    return Host.objects.select_for_update().get(name=settings.HOST)


def containers() -> ContainerQuerySet:
    """Return the containers of this host."""
    return Container.objects.filter(host__name=settings.HOST)


def layers() -> LayerQuerySet:
    """Return the layers of this host."""
    return Layer.objects.filter(host__name=settings.HOST)


def images() -> ImageQuerySet:
    """Return the images of this host."""
    return Image.objects.filter(host__name=settings.HOST)


def newest_base() -> str | None:
    """Return the name of the newest base system that can be used, if there is one."""
    rows = layers().available().filter(source=LayerSource.BOOTSTRAP).order_by("-created_at", "name")
    return rows.values_list("name", flat=True).first()


def recipes() -> models.QuerySet[Recipe]:
    """Return the recipes of this host."""
    return Recipe.objects.filter(host__name=settings.HOST)


def repositories() -> models.QuerySet[Repository]:
    """Return the repositories that this host fetches from."""
    return Repository.objects.filter(host__name=settings.HOST)


def jobs() -> JobQuerySet:
    """Return the jobs of this host."""
    return Job.objects.filter(host__name=settings.HOST)


def get_container(name: str, rows: ContainerQuerySet | None = None) -> Container:
    """Return the container called `name`, from `rows` if given. Raises NotFound, also for what cannot be a name."""
    found = (containers() if rows is None else rows).filter(name=name).first() if is_name(names.container_name, name) else None
    if found is None:
        raise NotFound(f"There is no container {name[:63]!r}")
    return found


def get_layer(name: str, rows: LayerQuerySet | None = None) -> Layer:
    """Return the layer called `name`, from `rows` if given. Raises NotFound, also for what cannot be a name."""
    found = (layers() if rows is None else rows).filter(name=name).first() if is_name(names.layer_name, name) else None
    if found is None:
        raise NotFound(f"There is no layer {name[:63]!r}")
    return found


def get_image(text: str, rows: ImageQuerySet | None = None) -> Image:
    """Return the image NAME:VERSION, or the newest version of NAME, from `rows` if given. Raises NotFound."""
    name, _, version = text.partition(":")
    found = (images() if rows is None else rows).filter(name=name).order_by("-updated_at", "-pk")
    if is_name(ImageRef.parse, text) and (image := (found.filter(version=version) if version else found).first()):
        return image
    raise NotFound(f"There is no image {text[:127]!r}")


def get_recipe(name: str, rows: models.QuerySet[Recipe] | None = None) -> Recipe:
    """Return the recipe of the image `name`, from `rows` if given. Raises NotFound, also for what cannot be a name."""
    found = (recipes() if rows is None else rows).filter(name=name).first() if is_name(image_name, name) else None
    if found is None:
        raise NotFound(f"There is no recipe {name[:63]!r}")
    return found


def get_repository(name: str) -> Repository:
    """Return the repository called `name`. Raises NotFound, also for what cannot be a name."""
    found = repositories().filter(name=name).first() if is_name(names.layer_name, name) else None
    if found is None:
        raise NotFound(f"There is no repository {name[:63]!r}")
    return found


def get_job(job_id: int, rows: JobQuerySet | None = None) -> Job:
    """Return the job of that id, from `rows` if given. Raises NotFound."""
    found = (jobs() if rows is None else rows).filter(pk=job_id).first() if 0 < job_id <= MAX_ID else None
    if found is None:
        raise NotFound("There is no such job")
    return found


def is_name(rule: Callable[[str], object], text: str) -> bool:
    """Return whether `rule`, one of `domain.names`, takes `text`."""
    # What is no name is not looked up: PostgreSQL refuses NUL, SQLite half a surrogate pair.
    try:
        rule(text)
    except (ValueError, InvalidRequest):
        return False
    return True
