"""A repository of images: a directory of image files with a signed index, on any web server. Pure.

    index.json             {"created": …, "images": […], "serial": n}
    index.json.sig         what `domain.signature` makes of it
    NAME@VERSION.HASH.tar  an OCI image archive, for each entry

An attacker who holds the server, or the way to it, can keep an index but not make one (signature), cannot pass off an older
one as the newest (the serial only grows), and cannot change a file (size and SHA-256 stand in the index). How apt, minisign
and The Update Framework see to the same stands in docs/decisions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from containers.domain import signature
from containers.domain.definition import DEFAULT_IDMAP_SIZE, MAX_LAYERS
from containers.domain.image import Defaults, ImageRef, image_name, image_version
from containers.domain.json_text import load_json
from containers.domain.names import layer_name
from containers.domain.text import check_text
from containers.domain.values import Value
from containers.errors import InvalidRequest, Malformed, NotFound, Untrusted

# What the host's own repository is called; no other can be.
OWN: Final = "own"

INDEX: Final = "index.json"
SIGNATURE: Final = "index.json.sig"

MAX_INDEX_BYTES: Final = 8 << 20
MAX_IMAGES: Final = 5_000
# What a file may announce: more than any disk here takes, and no number that a database does not.
MAX_FILE_BYTES: Final = 1 << 40
MAX_SERIAL: Final = 2**63 - 1
MAX_FILE_NAME: Final = 200
MAX_LOCATION: Final = 1_000
# How far the clocks of two hosts may be apart.
CLOCK_SLACK: Final = timedelta(days=1)

_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~@-]*\.tar", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_URL: Final = re.compile(r"[!-~]+", re.ASCII)


def _as_tuple(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return tuple(value)


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


def _name(value: str) -> str:
    if value == OWN:
        raise ValueError("is the name of the host's own repository")
    return layer_name(value)


def location(value: str) -> str:
    """Check where a repository is, an http or https URL or an absolute path, without a slash at its end. Raises ValueError."""
    check_text(value, max_length=MAX_LOCATION)
    text = value.rstrip("/") if value.strip("/") else value
    return _url(text) if is_url(text) else _directory(text)


Digest = Annotated[str, AfterValidator(_digest)]
Moment = Annotated[str, AfterValidator(_moment)]
Bytes = Annotated[int, Field(ge=0, le=MAX_FILE_BYTES)]


def moment(at: datetime) -> str:
    """Return a time as an index has it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class RepositorySpec(Value):
    """Which repository: what a form takes, and what the worker takes from a row."""

    name: Annotated[str, AfterValidator(_name)]
    location: Annotated[str, AfterValidator(location)]
    public_key: Annotated[str, AfterValidator(signature.public_key)]


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
    layers: Annotated[tuple[LayerEntry, ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=MAX_LAYERS)]
    defaults: Defaults = Defaults()
    created: Moment

    @property
    def ref(self) -> ImageRef:
        """Return the image's name and version."""
        return ImageRef(self.name, self.version)

    @property
    def stack(self) -> list[str]:
        """Return the digests of the layers, the lowest first; of one that is there twice the upper place counts."""
        return list(reversed(dict.fromkeys(layer.digest for layer in reversed(self.layers))))


class Index(Value):
    """All images of a repository at one moment."""

    serial: Annotated[int, Field(ge=1, le=MAX_SERIAL)]
    created: Moment
    images: Annotated[tuple[Entry, ...], BeforeValidator(_as_tuple), Field(max_length=MAX_IMAGES)] = ()

    @field_validator("images")
    @classmethod
    def _unique(cls, images: tuple[Entry, ...]) -> tuple[Entry, ...]:
        seen: set[str] = set()
        for name in (name for entry in images for name in (str(entry.ref), entry.file)):
            if name in seen:
                raise ValueError(f"{name} is there twice")
            seen.add(name)
        return images

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read an index whose signature was checked. Raises Untrusted: who signed this is no publisher of ours."""
        if len(raw) > MAX_INDEX_BYTES:
            raise Untrusted(f"The index is larger than {MAX_INDEX_BYTES} bytes")
        try:
            return cls.of(load_json(raw))
        except (ValueError, InvalidRequest, Malformed) as error:
            raise Untrusted(f"The index cannot be used: {error}") from error

    @classmethod
    def of(cls, data: object) -> Self:
        """Read an index from its JSON form. Raises InvalidRequest with every error at once."""
        # The ids in defaults are judged once more, by the id map of whoever imports the image.
        return cls.validate_as(data, field="index", context={"idmap_size": DEFAULT_IDMAP_SIZE})

    def encode(self) -> bytes:
        """Return the canonical text: keys sorted, no white space, ASCII only; the same index is always the same bytes."""
        data = {"serial": self.serial, "created": self.created, "images": self.rows()}
        return (json.dumps(data, sort_keys=True, separators=(",", ":")) + "\n").encode()

    def rows(self) -> list[dict[str, Any]]:
        """Return the images as JSON, sorted by name and version."""
        return [export(entry) for entry in sorted(self.images, key=lambda entry: (entry.name, entry.version))]

    def entry(self, ref: ImageRef) -> Entry:
        """Return the entry of an image. Raises NotFound."""
        for entry in self.images:
            if entry.ref == ref:
                return entry
        raise NotFound(f"the repository has no image {ref}")

    def changed(self, images: Iterable[Entry], now: datetime) -> Index:
        """Return the index that follows this one.

        Its serial is the time, so that one that was lost and made anew is still newer than what others have seen.
        """
        serial = max(self.serial + 1, int(now.timestamp()))
        return Index(serial=serial, created=moment(now), images=tuple(images))

    def with_image(self, entry: Entry, now: datetime) -> Index:
        """Return the index that follows this one with `entry` in it, in place of one of the same image."""
        others = [other for other in self.images if other.ref != entry.ref and other.file != entry.file]
        return self.changed([*others, entry], now)

    def without(self, ref: ImageRef, now: datetime) -> Index:
        """Return the index that follows this one without an image. Raises NotFound."""
        gone = self.entry(ref)
        return self.changed([entry for entry in self.images if entry is not gone], now)


def export(entry: Entry) -> dict[str, Any]:
    """Return an entry's JSON form."""
    return {**entry.model_dump(mode="json"), "defaults": entry.defaults.export()}


def first_index() -> Index:
    """Return what a repository is before its first image; it is never published."""
    return Index(serial=1, created="1970-01-01T00:00:00Z")


def file_name(ref: ImageRef, sha256: str) -> str:
    """Return what the file of an image is called: another content has another name.

    So a file never changes under its name, and an index is right before and after the file of a newer one has come.
    Neither name nor version has an "@": it is no other image's.
    """
    return f"{ref.name}@{ref.version}.{sha256[:12]}.tar"


def verified_index(raw: bytes, signature_file: bytes, key: str) -> Index:
    """Return the index after its signature was checked. Raises Untrusted."""
    signature.verify(key, signature.INDEX, raw, signature_file, what="The index")
    return Index.parse(raw)


def check_successor(index: Index, *, serial: int | None, images: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Check that `index` can follow the one of number `serial` that said `images`. Raises Untrusted.

    Refused are an older one (whoever holds the server would have us take images back whose faults are known), another one
    of the same number (two publishers with one key, or a publisher that was set back), and one from the future.
    """
    if serial is not None and index.serial < serial:
        raise Untrusted(
            f"The index is older than the one seen before: its number is {index.serial}, that was {serial}",
            resolution="If the repository was really set back, forget it with its number"
            " (`manage.py repository remove NAME --with-number`) and add it again.",
        )
    if index.serial == serial and index.rows() != list(images):
        raise Untrusted(f"There are two different indexes of number {serial}: the repository was tampered with or set back")
    if datetime.fromisoformat(index.created) > now + CLOCK_SLACK:
        raise Untrusted(f"The index was made in the future, at {index.created}: one of the two clocks is wrong")


def is_url(location: str) -> bool:
    """Return whether a repository is reached over HTTP; otherwise it is a directory."""
    return not location.startswith("/")


def _directory(value: str) -> str:
    if any(part in {"", ".", ".."} for part in value.split("/")[1:]):
        raise ValueError("must be an absolute path without '.', '..' and needless slashes, or a URL")
    return value


def _url(value: str) -> str:
    if not _URL.fullmatch(value) or any(character in value for character in "\\\"'<>`{}|^?#"):
        raise ValueError("must be a URL without spaces, quotes, '?' and '#': http://HOST/PATH or https://HOST/PATH")
    parts = urlsplit(value)
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://, or be an absolute path")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password: it stands in records")
    # A port that is none raises here.
    if not parts.hostname or parts.port == 0:
        raise ValueError("must name a host")
    return value


def url_of(location: str, file: str) -> str:
    """Return the URL of a file in a repository."""
    return f"{location}/{quote(file, safe='')}"
