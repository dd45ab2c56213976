"""What an image is called, and what it says about the containers made from it. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import AfterValidator

from containers.domain import names
from containers.domain.definition import (
    DEFAULT_IDMAP_SIZE,
    Env,
    InitCommand,
    MappedId,
    ReadyCommand,
    WorkingDirectory,
)
from containers.domain.text import check_text
from containers.domain.values import Value
from containers.errors import InvalidRequest

# As with other builders of images: the version of whoever gives none, which the next build replaces.
DEFAULT_VERSION: Final = "latest"
MAX_VERSION: Final = 63

_VERSION: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+~-]*[A-Za-z0-9])?", re.ASCII)


def image_name(value: str) -> str:
    """Check an image's name; it names files and layers. Raises ValueError."""
    return names.layer_name(value)


def image_version(value: str) -> str:
    """Check an image's version, any text that can be part of a file's name. Raises ValueError."""
    check_text(value, max_length=MAX_VERSION)
    if ".." in value or not _VERSION.fullmatch(value):
        raise ValueError("must start and end with a letter or digit, and have only letters, digits, '.', '_', '+', '~' and '-'")
    return value


@dataclass(frozen=True)
class ImageRef:
    """An image by name and version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"

    @classmethod
    def parse(cls, text: str, *, field: str = "image") -> Self:
        """Read NAME or NAME:VERSION. Raises InvalidRequest about `field`."""
        name, _, version = text.partition(":")
        try:
            return cls(image_name(name), image_version(version) if ":" in text else DEFAULT_VERSION)
        except ValueError as error:
            raise InvalidRequest.of(field, str(error)) from error


def layer_names(ref: ImageRef) -> Iterator[str]:
    """Yield names for the layers that are made for an image, in the order in which they should be tried; endless."""
    # A layer's name knows fewer characters than a version, and leaves room for a number here.
    stem = re.sub(r"[^a-z0-9._-]", "-", f"{ref.name}-{ref.version}".lower())[: names.MAX_NAME - 5].rstrip("._-")
    yield stem
    yield from (f"{stem}-{number}" for number in itertools.count(2))


class Defaults(Value):
    """The keys of a definition that an image can give a value, with the definition's own types."""

    env: Env = {}
    uid: MappedId | None = None
    gid: MappedId | None = None
    cmd: InitCommand | None = None
    cwd: WorkingDirectory | None = None
    ready: ReadyCommand | None = None
    halt: Annotated[str, AfterValidator(names.signal_name)] | None = None

    @classmethod
    def parse(cls, data: object, *, idmap_size: int = DEFAULT_IDMAP_SIZE, field: str = "defaults") -> Self:
        """Return the defaults that JSON `data` describes; raise InvalidRequest with every error at once."""
        return cls.validate_as(data, field=field, context={"idmap_size": idmap_size})

    def export(self) -> dict[str, object]:
        """Return the JSON form, keys that hold their default left out."""
        return self.model_dump(mode="json", exclude_defaults=True)
