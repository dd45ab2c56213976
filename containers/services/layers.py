"""Layers as rows, and the jobs that import and remove them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from containers.choices import ContainerState, LayerSource
from containers.domain import names
from containers.domain.states import Operation
from containers.errors import Conflict, InvalidRequest
from containers.models import Container, Host, Image, ImageLayer, Job, Layer, LayerUse
from containers.services import access, audit, hosts, inputs, parents, uploads, ways_back
from containers.services.actor import Actor
from containers.services.queue import queue

# What a row has room for.
MAX_ORIGIN: Final = 300


def request_import(
    actor: Actor, name: str, *, path: str | None = None, upload: str | None = None, retry_of: Job | None = None
) -> Job:
    """Queue the import of a layer from `path`, an archive or a directory on the server, or from a stored upload.

    The layer's row is written at once, so that the name is taken; it can be used when the job has succeeded.
    Raises InvalidRequest, and Conflict when there is such a layer.
    """
    access.require(actor, "images")
    _check_name(name)
    given = {key: value for key, value in (("path", path), ("upload", upload)) if value is not None}
    parsed = inputs.parse(Operation.LAYER_IMPORT, given, idmap_size=settings.IDMAP_SIZE)
    if path is not None:
        check_directory(path)
    origin = path or "an uploaded archive"
    return _announce(actor, Operation.LAYER_IMPORT, name, parsed, LayerSource.IMPORT, origin, retry_of)


def request_bootstrap(actor: Actor, name: str, system: Mapping[str, Any], *, retry_of: Job | None = None) -> Job:
    """Queue the making of a layer of a Debian base system, `system` as in `domain.bootstrap.BaseSystem`.

    Raises InvalidRequest, and Conflict when there is such a layer.
    """
    access.require(actor, "images")
    _check_name(name)
    parsed = inputs.parse(Operation.LAYER_BOOTSTRAP, system, idmap_size=settings.IDMAP_SIZE)
    assert isinstance(parsed, inputs.LayerBootstrapInputs)  # noqa: S101 - for the type checker
    return _announce(actor, Operation.LAYER_BOOTSTRAP, name, parsed, LayerSource.BOOTSTRAP, f"Debian {parsed.suite}", retry_of)


def _announce(
    actor: Actor,
    operation: Operation,
    name: str,
    parsed: inputs.Inputs,
    source: LayerSource,
    origin: str,
    retry_of: Job | None,
) -> Job:
    """Queue a job that makes a layer; the layer's row takes the name at once."""
    with transaction.atomic():
        host = hosts.lock()
        if Layer.objects.filter(host=host, name=name).exists():
            raise Conflict(f"There is a layer {name} already")
        job = queue(actor, operation, [name], parsed.export(), host=host, retry_of=retry_of)
        Layer.objects.create(host=host, name=name, job=job, source=source, origin=origin[:MAX_ORIGIN])
        audit.record(actor, operation.replace("-", "."), name, parsed.export(), job)
    return job


def request_import_of(actor: Actor, name: str, upload: UploadedFile[Any]) -> Job:
    """Keep an uploaded archive and queue its import; where that is refused, nothing of it stays."""
    access.require(actor, "images")
    with uploads.kept(upload) as stored:
        return request_import(actor, name, upload=stored)


def repeat_import(actor: Actor, job: Job) -> Job:
    """Queue once more the import that `job` was. Raises Conflict when the uploaded file is gone: every import removes it."""
    uploads.check(job)
    (name,) = job.targets
    return request_import(actor, name, path=job.inputs.get("path"), upload=job.inputs.get("upload"), retry_of=job)


def repeat_bootstrap(actor: Actor, job: Job) -> Job:
    """Queue once more the making of the base system that `job` was."""
    (name,) = job.targets
    return request_bootstrap(actor, name, job.inputs, retry_of=job)


def request_commit(
    actor: Actor, container: Container, name: str, *, image: str | None = None, retry_of: Job | None = None
) -> Job:
    """Queue the copying of what `container` has written into a new layer `name`, and optionally of an image with it on top.

    Raises InvalidRequest, and Conflict when there is such a layer, or nothing written that could be kept.
    """
    access.require(actor, "images")
    access.require(actor, "execute", container.name)
    given = {"layer": name, **({"image": image} if image else {})}
    parsed = inputs.parse(Operation.LAYER_COMMIT, given, idmap_size=settings.IDMAP_SIZE)
    check_keepable(container)
    with transaction.atomic():
        host = hosts.lock()
        if Layer.objects.filter(host=host, name=name).exists():
            raise Conflict(f"There is a layer {name} already")
        targets = [container.name]
        job = queue(actor, Operation.LAYER_COMMIT, targets, parsed.export(), targets, host=host, retry_of=retry_of)
        Layer.objects.create(host=host, name=name, job=job, source=LayerSource.COMMIT, origin=container.name)
        audit.record(actor, "layer.commit", name, {"container": container.name, **parsed.export()}, job)
    return job


def check_keepable(container: Container) -> None:
    """Raise Conflict where a container has no ephemeral layer, or one that is empty because nothing runs."""
    if container.build:
        raise Conflict(f"{container.name} has no ephemeral layer: it writes into its topmost layer")
    if container.state == ContainerState.STOPPED and not container.is_mounted:
        raise Conflict(f"{container.name} is stopped: its ephemeral layer is empty")


def repeat_commit(actor: Actor, job: Job) -> Job:
    """Queue once more the keeping that `job` was."""
    (name,) = job.targets
    container = hosts.get_container(name)
    return request_commit(actor, container, str(job.inputs.get("layer")), image=job.inputs.get("image"), retry_of=job)


def request_remove(actor: Actor, layer: Layer) -> Job:
    """Queue the removal of a layer. Raises Conflict naming the containers and images that use it."""
    access.require(actor, "images")
    if names := users([layer])[layer.pk]:
        raise Conflict(f"The layer {layer.name} is used by {', '.join(names)}")
    with transaction.atomic():
        job = queue(actor, Operation.LAYER_REMOVE, [layer.name], {}, host=layer.host)
        audit.record(actor, "layer.remove", layer.name, {}, job)
    return job


def users(rows: Collection[Layer], *, besides: Image | None = None, recipes: bool = False) -> dict[int, list[str]]:
    """Return who uses each layer, by its key: containers by name, images but `besides`, ways back of apps; three queries.

    Where nobody named the layer that goes, `recipes` that stand on it count, too; two queries more.
    """
    found: dict[int, list[str]] = {row.pk: [] for row in rows}
    uses = LayerUse.objects.filter(layer__in=found).order_by("container__name")
    for layer, name in uses.values_list("layer", "container__name"):
        found[layer].append(name)
    of_images = ImageLayer.objects.filter(layer__in=found).order_by("image__name", "image__version")
    for layer, image, name, version in of_images.values_list("layer", "image", "image__name", "image__version"):
        if besides is None or image != besides.pk:
            found[layer].append(f"image {name}:{version}")
    named = parents.named_by_recipes() if recipes and rows else {}
    needed = ways_back.layers() if rows else {}
    for row in rows:
        found[row.pk] += map(str, needed.get(row.name, ()))
        found[row.pk] += [f"recipe {name}" for name in named.get(row.name, ())]
    return found


def forget_unused(host: Host, names: Collection[str], *, mounted: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Delete the rows of those layers that nothing uses; call it with the host locked. For the worker; safe to repeat.

    `mounted` says by layer which containers stand on it right now: one may run on layers that its definition has no more.
    Returns who uses each of the others, nobody for one that a job makes anew; the directories of all else are nobody's now.
    """
    rows = list(Layer.objects.filter(host=host, name__in=names))
    used = users(rows, recipes=True)
    kept = {row.name: used[row.pk] or mounted.get(row.name, []) for row in rows}
    kept = {row.name: kept[row.name] for row in rows if kept[row.name] or not row.is_available}
    Layer.objects.filter(pk__in=[row.pk for row in rows if row.name not in kept]).delete()
    return kept | {name: mounted[name] for name in names if name in mounted and name not in kept}


def _check_name(name: str) -> None:
    try:
        names.layer_name(name)
    except ValueError as error:
        raise InvalidRequest.of("name", str(error)) from error


def check_directory(path: str) -> None:
    """Refuse early what the worker refuses when it opens the path, following no links."""
    if not any(Path(path).is_relative_to(directory) for directory in settings.IMPORT_DIRS):
        raise InvalidRequest.of("path", f"must be below {', '.join(map(str, settings.IMPORT_DIRS))}")
