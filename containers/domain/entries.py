"""What the index of a repository says of one image, or of one app. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from containers.domain.definition import MAX_LAYERS
from containers.domain.image import Defaults, ImageRef, image_name, image_version
from containers.domain.manifest import app_name
from containers.domain.questions import Line, as_tuple
from containers.domain.text import check_text
from containers.domain.values import Value

# What a file may announce: more than any disk here takes, and no number that a database does not.
MAX_FILE_BYTES: Final = 1 << 40
# An app's folder has 16 MiB in 500 files at most: that, and what an archive needs for each.
MAX_APP_BYTES: Final = 20 << 20
MAX_FILE_NAME: Final = 200
# What the name of a download begins with that is an app's.
APP_DOWNLOAD: Final = "App."

_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~@-]*\.tar", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def _file(value: str) -> str:
    check_text(value, max_length=MAX_FILE_NAME)
    if ".." in value or not _FILE.fullmatch(value):
        raise ValueError("must be the name of a file, NAME.tar, of letters, digits, '.', '_', '+', '~', '@' and '-'")
    return value


def _digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):
        raise ValueError("must be a SHA-256 in lower-case hexadecimal digits")
    return value


def _moment(value: str) -> str:
    if not _MOMENT.fullmatch(value):
        raise ValueError("must be a time such as 2026-01-31T23:59:59Z")
    datetime.fromisoformat(value)
    return value


Digest = Annotated[str, AfterValidator(_digest)]
Moment = Annotated[str, AfterValidator(_moment)]
Bytes = Annotated[int, Field(ge=0, le=MAX_FILE_BYTES)]


def moment(at: datetime) -> str:
    """Return a time as an index has it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class LayerEntry(Value):
    """A layer of an image: the SHA-256 of its uncompressed tar stream (OCI's DiffID), and how long that is."""

    digest: Digest
    size: Bytes


class Entry(Value):
    """One image of a repository: its file, and what can be said without fetching it."""

    name: Annotated[str, AfterValidator(image_name)]
    version: Annotated[str, AfterValidator(image_version)]
    file: Annotated[str, AfterValidator(_file)]
    size: Bytes
    sha256: Digest
    layers: Annotated[tuple[LayerEntry, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=MAX_LAYERS)]
    defaults: Defaults = Defaults()
    created: Moment

    @property
    def ref(self) -> ImageRef:
        """Return the image's name and version."""
        return ImageRef(self.name, self.version)

    @property
    def download(self) -> str:
        """Return under which name it is fetched: another content has another one."""
        return f"{self.name}@{self.version}.{self.sha256}"

    @property
    def stack(self) -> list[str]:
        """Return the digests of the layers, the lowest first; of one that is there twice the upper place counts."""
        return list(reversed(dict.fromkeys(layer.digest for layer in reversed(self.layers))))


class AppEntry(Value):
    """One app of a repository, in one version: its file, and what can be said without fetching it."""

    name: Annotated[str, AfterValidator(app_name)]
    version: Annotated[str, AfterValidator(image_version)]
    title: Line
    description: Line
    file: Annotated[str, AfterValidator(_file)]
    size: Annotated[int, Field(ge=0, le=MAX_APP_BYTES)]
    sha256: Digest
    created: Moment

    @property
    def download(self) -> str:
        """Return under which name it is fetched: no image's begins with a capital letter."""
        return f"{APP_DOWNLOAD}{self.name}@{self.version}.{self.sha256}"


def export(entry: Entry) -> dict[str, Any]:
    """Return an entry's JSON form."""
    return {**entry.model_dump(mode="json"), "defaults": entry.defaults.export()}


def file_name(ref: ImageRef, sha256: str) -> str:
    """Return what the file of an image is called: another content has another name.

    So a file never changes under its name, and an index is right before and after the file of a newer one has come.
    Neither name nor version has an "@": it is no other image's.
    """
    return f"{ref.name}@{ref.version}.{sha256[:12]}.tar"


def app_file_name(name: str, version: str, sha256: str) -> str:
    """Return what the file of an app is called: as an image's, and no image's."""
    return f"{name}@{version}.{sha256[:12]}.app.tar"
