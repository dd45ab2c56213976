"""Rows for tests, made by the services themselves."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission, User

from containers.choices import ContainerState, InstallationState, JobState, MountKind, Via
from containers.domain.image import Defaults, ImageRef
from containers.domain.spec import ContainerSpec
from containers.models import Container, Grant, Host, Image, Installation, Job, Layer, Volume
from containers.services import containers, hosts, images
from containers.services.actor import Actor

ROOT = Actor(None, Via.CLI, None, "root")


def host() -> Host:
    return hosts.current()


def layer(name: str = "base", *, available: bool = True) -> Layer:
    return Layer.objects.get_or_create(host=host(), name=name, defaults={"is_available": available})[0]


def image(ref: str = "debian:12", *, layers: tuple[str, ...] = ("base",), **defaults: Any) -> Image:
    """An image of layers that are made if needed."""
    for name in layers:
        layer(name)
    return images.write(host(), ImageRef.parse(ref), layers, Defaults.parse(defaults))


def volume(name: str, **more: Any) -> Volume:
    return Volume.objects.create(host=host(), name=name, **{"kind": MountKind.DIRECTORY, **more})


def installation(name: str, **more: Any) -> Installation:
    """An app that is installed, of no app that there is unless said otherwise."""
    return Installation.objects.create(
        host=host(),
        name=name,
        **{"app": "static-site", "version": "1.0", "title": "Site", "state": InstallationState.INSTALLED, **more},
    )


def spec(name: str, *, layers: tuple[str, ...] = ("base",), **more: Any) -> ContainerSpec:
    """A spec; keys of the definition and of the container may be given side by side."""
    beside = {key: more.pop(key) for key in list(more) if key not in DEFINITION_KEYS}
    return ContainerSpec.parse({"name": name, "definition": {"layers": list(layers), **more}, **beside})


DEFINITION_KEYS = {"build", "depends", "mounts", "env", "uid", "gid", "cmd", "cwd", "ready", "halt"}


def container(
    name: str, *, state: ContainerState = ContainerState.STOPPED, is_ready: bool | None = None, **more: Any
) -> Container:
    """A container in `state`, on a layer that is made if needed."""
    layer()
    row, _job = containers.create_container(ROOT, spec(name, **more))
    Container.objects.filter(pk=row.pk).update(state=state, is_ready=is_ready, is_created=True)
    Job.objects.filter(pk=_job.pk).update(state=JobState.SUCCEEDED)
    row.refresh_from_db()
    return row


def chain(**state: Any) -> list[Container]:
    """Three containers: web needs app needs db."""
    return [
        container("db", **state),
        container("app", depends=["db"], **state),
        container("web", depends=["app"], **state),
    ]


def user(name: str, *rights: str, **more: Any) -> User:
    person = User.objects.create_user(name, password=None, **more)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights, content_type__app_label="containers"))
    return person


def actor(person: User) -> Actor:
    return Actor(person, Via.API, "127.0.0.1")


def address(number: int) -> str:
    return str(settings.SUBNET.network_address + number)


def limited(name: str, pattern: str = "shop-*", *rights: str, app: str = "") -> User:
    """Somebody who may do `rights`, and view, on some containers only."""
    person = User.objects.create_user(name)
    Grant.objects.bulk_create(
        Grant(user=person, right=right, pattern=pattern, app=app) for right in dict.fromkeys(("view", *rights))
    )
    return person
