"""What can be looked into, and what may be asked about it: read by the web process and by root with the same rules.

A subject is "layer:NAME", "volume:NAME", or "container:NAME" for what the container has written since it was started or mounted.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from django.conf import settings
from pydantic import AfterValidator, BeforeValidator, Field

from containers.domain import tree
from containers.domain.definition import MAX_LAYERS
from containers.errors import InvalidRequest, NotFound
from containers.models import Container, Host, Layer, Volume
from containers.services import hosts, volumes
from containers.services.inputs import Inputs, LayerName

LAYER: Final = "layer"
CONTAINER: Final = "container"
VOLUME: Final = "volume"

Subject = Layer | Container | Volume

# Rows of one answer: a page.
MAX_LIMIT: Final = 500
PAGE_SIZE: Final = 200


def _path(value: str) -> str:
    try:
        tree.path_bytes(value)
    except InvalidRequest as error:
        raise ValueError(error.errors[0].message) from error
    return value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Path = Annotated[str, AfterValidator(_path)]


class LookInputs(Inputs):
    """Where to look. `below` are the layers that a layer is compared with, the lowest first; a container knows its own."""

    path: Path = ""
    below: Annotated[tuple[LayerName, ...], BeforeValidator(_as_tuple), Field(max_length=MAX_LAYERS)] = ()


class TreeInputs(LookInputs):
    """Names and changes: those of one directory, in numbers those of the whole tree, or both, the numbers first."""

    ask: Literal["list", "summary", "both"] = "list"
    offset: Annotated[int, Field(ge=0, le=10**9)] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = PAGE_SIZE


class FileInputs(LookInputs):
    """What is in one file: its beginning as text, or all of it. No path: a volume that is a file."""

    ask: Literal["preview", "content"] = "preview"


def find_host(subject: str) -> Host:
    """Return the host that this process serves, which is the only one that can be looked at. Raises NotFound."""
    if subject != settings.HOST:
        raise NotFound(f"There is no host {subject[:63]!r} here")
    return hosts.current()


def subject_of(found: Subject) -> str:
    """Return how tickets name a layer, a volume, or a container's ephemeral layer."""
    kinds = {Layer: LAYER, Container: CONTAINER, Volume: VOLUME}
    return f"{kinds[type(found)]}:{found.name}"


def find(subject: str) -> Subject:
    """Return what a ticket is about. Raises NotFound, also for what cannot be a subject."""
    kind, _, name = subject.partition(":")
    finders: dict[str, Any] = {LAYER: hosts.get_layer, CONTAINER: hosts.get_container, VOLUME: volumes.get}
    if kind not in finders:
        raise NotFound(f"There is no {subject[:63]!r}")
    found: Subject = finders[kind](name)
    return found
