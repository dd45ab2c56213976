"""The JSON of OCI images (OCI image-spec 1.1) and of the archives that `docker save` writes, read as hostile. Pure.

Unknown keys are ignored, as the specification wants; what is known has to be of its type. Every reader raises InvalidRequest
or Malformed with a sentence. What an image says about containers is read and written in `domain.oci_config`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from containers.domain.definition import MAX_LAYERS
from containers.domain.json_text import load_json
from containers.domain.text import shown
from containers.domain.values import field_errors
from containers.errors import InvalidRequest

LAYOUT_FILE: Final = "oci-layout"
INDEX_FILE: Final = "index.json"
DOCKER_FILE: Final = "manifest.json"
# What registries accept at most (OCI distribution-spec).
MAX_JSON: Final = 4 << 20
MAX_MANIFESTS: Final = 1000
MAX_SIZE: Final = 1 << 40

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
REF_NAME: Final = "org.opencontainers.image.ref.name"
_INDEXES: Final = frozenset({INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"})
_MANIFESTS: Final = frozenset({MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"})
_LAYERS: Final = frozenset(
    {
        *(f"{LAYER}{compression}" for compression in ("", "+gzip", "+zstd")),
        *(f"application/vnd.docker.image.rootfs.diff.tar{compression}" for compression in ("", ".gzip", ".zstd")),
    }
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
# From `uname -m` to GOARCH and its variant.
_ARCHITECTURES: Final = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
}


def _digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):
        raise ValueError("must be sha256: and 64 hexadecimal digits")
    return value


def _member(value: str) -> str:
    path = PurePosixPath(value)
    if not value or len(value) > 512 or "\0" in value or path.is_absolute() or ".." in path.parts:
        raise ValueError("must be a path below the archive's top")
    return value


DigestText = Annotated[str, AfterValidator(_digest)]
Size = Annotated[int, Field(ge=0, le=MAX_SIZE)]
MemberPath = Annotated[str, AfterValidator(_member)]


class Foreign(BaseModel):
    """The base of what others wrote: types are checked, unknown keys ignored."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True)

    @classmethod
    def read(cls, data: object, what: str) -> Self:
        """Return the value that `data` describes. Raises InvalidRequest with every error, their paths below `what`."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InvalidRequest.all(field_errors(error, what)) from error


class Platform(Foreign):
    """What an image runs on, in the words of Go."""

    os: str = "linux"
    architecture: str
    variant: str = ""

    @classmethod
    def of_machine(cls, machine: str) -> Self:
        """Return the platform of a host whose `uname -m` says `machine`."""
        architecture, variant = _ARCHITECTURES.get(machine, (machine, ""))
        return cls(architecture=architecture, variant=variant)

    def runs(self, other: Platform) -> bool:
        """Return whether images for `other` may run here, variants apart."""
        return (self.os, self.architecture) == (other.os, other.architecture)

    def __str__(self) -> str:
        return "/".join(shown(part) for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(Foreign):
    """A blob by its hash and size."""

    media_type: str = Field(default="", alias="mediaType")
    digest: DigestText
    size: Size
    platform: Platform | None = None
    annotations: dict[str, str] = {}

    @property
    def hex(self) -> str:
        """The hash alone, which is also the name of the blob's file."""
        return self.digest.removeprefix("sha256:")

    @property
    def is_index(self) -> bool:
        """Whether the blob is an index again: one manifest for each platform."""
        return self.media_type in _INDEXES

    @property
    def name(self) -> str:
        """What the image is called in its layout; nothing where it has no name."""
        return self.annotations.get(REF_NAME, "")


class _Layout(Foreign):
    version: str = Field(alias="imageLayoutVersion")


class _Index(Foreign):
    schema_version: Literal[2] = Field(alias="schemaVersion")
    manifests: list[Descriptor] = Field(max_length=MAX_MANIFESTS)


class Manifest(Foreign):
    """The parts of one image for one platform; layers are in order, the lowest first."""

    schema_version: Literal[2] = Field(alias="schemaVersion")
    config: Descriptor
    layers: list[Descriptor] = Field(min_length=1, max_length=MAX_LAYERS)


class DockerImage(Foreign):
    """An image in an archive of `docker save`: paths in the archive, the lowest layer first."""

    config: MemberPath = Field(alias="Config")
    tags: list[str] | None = Field(default=None, alias="RepoTags")
    layers: list[MemberPath] = Field(alias="Layers", min_length=1, max_length=MAX_LAYERS)


class _DockerFile(Foreign):
    images: list[DockerImage] = Field(min_length=1, max_length=MAX_MANIFESTS)


@dataclass(frozen=True)
class Blob:
    """A layer's file in a layout or archive. `digest` and `size` are None where nothing but the DiffID is known of it."""

    path: str
    diff_id: str
    digest: str | None = None
    size: int | None = None


def read_layout(raw: bytes) -> None:
    """Check an `oci-layout` file."""
    version = _Layout.read(load_json(raw), LAYOUT_FILE).version
    if version.split(".")[0] != "1":
        raise InvalidRequest(f"{LAYOUT_FILE}: version {shown(version)} is not known")


def read_index(raw: bytes) -> list[Descriptor]:
    """Read an index: the manifests of a layout, or those of one image for several platforms."""
    return _Index.read(load_json(raw), INDEX_FILE).manifests


def read_manifest(raw: bytes) -> Manifest:
    """Read a manifest. Raises InvalidRequest for layers that are no file systems, or not there but elsewhere."""
    manifest = Manifest.read(load_json(raw), "manifest")
    for layer in manifest.layers:
        if layer.media_type not in _LAYERS:
            raise InvalidRequest(f"manifest: a layer is of the type {shown(layer.media_type)!r}, which cannot be unpacked")
    return manifest


def read_docker_file(raw: bytes) -> list[DockerImage]:
    """Read the `manifest.json` of `docker save`."""
    return _DockerFile.read({"images": load_json(raw)}, DOCKER_FILE).images


def select(manifests: Sequence[Descriptor], host: Platform, *, name: str = "") -> Descriptor:
    """Return the manifest, or index, to take: of the image called `name`, for this host.

    Raises InvalidRequest where there is none, or where several images are in one layout and none was named.
    """
    named = [one for one in manifests if not name or one.name == name]
    if not named:
        raise InvalidRequest(f"there is no image {shown(name)!r} in it: {_names(manifests)}")
    fitting = [one for one in named if one.platform is None or host.runs(one.platform)]
    fitting = [one for one in fitting if one.is_index or one.media_type in _MANIFESTS or not one.media_type]
    if not fitting:
        platforms = ", ".join(sorted({str(one.platform) for one in named if one.platform}))
        raise InvalidRequest(f"it is not for this host, which is {host}, but for {platforms or 'something else'}")
    if len({one.name for one in fitting}) > 1:
        raise InvalidRequest(f"there are several images in it: {_names(fitting)}", resolution="Say which.")
    return min(fitting, key=lambda one: _distance(one.platform, host))


def select_docker(images: Sequence[DockerImage], *, name: str = "") -> DockerImage:
    """Return the image of that tag, or the only one. Raises InvalidRequest."""
    found = [image for image in images if not name or name in (image.tags or ())]
    if len(found) == 1:
        return found[0]
    tags = ", ".join(sorted(shown(tag) for image in images for tag in image.tags or ())) or "without a name"
    which = f"there is no image {shown(name)!r} in it" if name else "there are several images in it"
    raise InvalidRequest(f"{which}: {tags}", resolution="" if name else "Say which.")


def blob_path(digest: str) -> str:
    """Return where a layout keeps the blob of that digest."""
    return "blobs/" + digest.replace(":", "/")


def pair(layers: Sequence[Descriptor], diff_ids: Sequence[str]) -> list[Blob]:
    """Return the layers of a manifest with the DiffIDs of its configuration. Raises InvalidRequest if they do not match."""
    _check_count(len(layers), len(diff_ids))
    return [
        Blob(blob_path(layer.digest), diff_id.removeprefix("sha256:"), layer.hex, layer.size)
        for layer, diff_id in zip(layers, diff_ids, strict=True)
    ]


def pair_docker(image: DockerImage, diff_ids: Sequence[str]) -> list[Blob]:
    """Return the layers of an archive of `docker save`, which are known by their DiffIDs alone."""
    _check_count(len(image.layers), len(diff_ids))
    return [Blob(path, diff_id.removeprefix("sha256:")) for path, diff_id in zip(image.layers, diff_ids, strict=True)]


def write_layout() -> bytes:
    """Return the content of `oci-layout`."""
    return _dump({"imageLayoutVersion": "1.0.0"})


def write_manifest(config: Descriptor, layers: Sequence[Descriptor], annotations: dict[str, str] | None = None) -> bytes:
    """Return a manifest."""
    data = {"schemaVersion": 2, "mediaType": MANIFEST, "config": _write(config), "layers": [_write(layer) for layer in layers]}
    return _dump(data | ({"annotations": annotations} if annotations else {}))


def write_index(manifests: Sequence[Descriptor]) -> bytes:
    """Return an index."""
    return _dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": [_write(manifest) for manifest in manifests]})


def _write(descriptor: Descriptor) -> dict[str, Any]:
    data = descriptor.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if descriptor.platform:
        # A default of ours, but a key that the specification requires.
        data["platform"]["os"] = descriptor.platform.os
    return data


def _dump(data: object) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def _check_count(layers: int, diff_ids: int) -> None:
    if layers != diff_ids:
        raise InvalidRequest(f"the manifest names {layers} layers, the configuration {diff_ids}")


def _names(manifests: Sequence[Descriptor]) -> str:
    return ", ".join(sorted({shown(one.name) or "one without a name" for one in manifests}))


def _distance(platform: Platform | None, host: Platform) -> int:
    """Return how far a variant is from the host's: the same, none, the oldest, any other."""
    variant = platform.variant if platform else ""
    order = (host.variant, "", "v1")
    return order.index(variant) if variant in order else len(order)
