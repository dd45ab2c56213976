"""A repository of images and apps: a directory of their files with a signed index, on any web server. Pure.

    index.json                 {"apps": […], "created": …, "images": […], "serial": n}
    index.json.sig             what `domain.signature` makes of it
    NAME@VERSION.HASH.tar      an OCI image archive, for each image
    NAME@VERSION.HASH.app.tar  the files of an app's folder, for each app

An attacker who holds the server, or the way to it, can keep an index but not make one (signature), cannot pass off an older
one as the newest (the serial only grows), and cannot change a file (size and SHA-256 stand in the index). How apt, minisign
and The Update Framework see to the same stands in docs/decisions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from containers.domain import signature
from containers.domain.definition import DEFAULT_IDMAP_SIZE
from containers.domain.entries import AppEntry, Entry, Moment, export, moment
from containers.domain.image import ImageRef
from containers.domain.json_text import load_json
from containers.domain.names import layer_name
from containers.domain.questions import as_tuple
from containers.domain.text import check_text
from containers.domain.values import Value
from containers.errors import InvalidRequest, Malformed, NotFound, Untrusted

# What the host's own repository is called; no other can be.
OWN: Final = "own"

INDEX: Final = "index.json"
SIGNATURE: Final = "index.json.sig"

MAX_INDEX_BYTES: Final = 8 << 20
MAX_IMAGES: Final = 5_000
MAX_APPS: Final = 5_000
MAX_SERIAL: Final = 2**63 - 1
MAX_LOCATION: Final = 1_000
# How far the clocks of two hosts may be apart.
CLOCK_SLACK: Final = timedelta(days=1)


_URL: Final = re.compile(r"[!-~]+", re.ASCII)


def _check_once(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name} is there twice")
        seen.add(name)


def _name(value: str) -> str:
    if value == OWN:
        raise ValueError("is the name of the host's own repository")
    return layer_name(value)


def location(value: str) -> str:
    """Check where a repository is, an http or https URL or an absolute path, without a slash at its end. Raises ValueError."""
    check_text(value, max_length=MAX_LOCATION)
    text = value.rstrip("/") if value.strip("/") else value
    return _url(text) if is_url(text) else _directory(text)


RepositoryName = Annotated[str, AfterValidator(_name)]


class RepositorySpec(Value):
    """Which repository: what a form takes, and what the worker takes from a row."""

    name: RepositoryName
    location: Annotated[str, AfterValidator(location)]
    public_key: Annotated[str, AfterValidator(signature.public_key)]


class Index(Value):
    """All images and apps of a repository at one moment. Of an app there is one version: it is what installations go to."""

    serial: Annotated[int, Field(ge=1, le=MAX_SERIAL)]
    created: Moment
    images: Annotated[tuple[Entry, ...], BeforeValidator(as_tuple), Field(max_length=MAX_IMAGES)] = ()
    apps: Annotated[tuple[AppEntry, ...], BeforeValidator(as_tuple), Field(max_length=MAX_APPS)] = ()

    @field_validator("images")
    @classmethod
    def _unique_images(cls, images: tuple[Entry, ...]) -> tuple[Entry, ...]:
        _check_once(name for entry in images for name in (str(entry.ref), entry.file))
        return images

    @field_validator("apps")
    @classmethod
    def _unique_apps(cls, apps: tuple[AppEntry, ...]) -> tuple[AppEntry, ...]:
        _check_once(name for entry in apps for name in (entry.name, entry.file))
        return apps

    @model_validator(mode="after")
    def _unique_files(self) -> Self:
        _check_once(entry.file for entry in self.entries)
        return self

    @property
    def entries(self) -> list[Entry | AppEntry]:
        """Return all images and apps."""
        return [*self.images, *self.apps]

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
        # One without apps is what it was before there could be any: hosts of then read it.
        data |= {"apps": self.app_rows()} if self.apps else {}
        return (json.dumps(data, sort_keys=True, separators=(",", ":")) + "\n").encode()

    def rows(self) -> list[dict[str, Any]]:
        """Return the images as JSON, sorted by name and version."""
        return [export(entry) for entry in sorted(self.images, key=lambda entry: (entry.name, entry.version))]

    def app_rows(self) -> list[dict[str, Any]]:
        """Return the apps as JSON, sorted by name."""
        return [entry.model_dump(mode="json") for entry in sorted(self.apps, key=lambda entry: entry.name)]

    def app(self, name: str) -> AppEntry:
        """Return the entry of an app. Raises NotFound."""
        for entry in self.apps:
            if entry.name == name:
                return entry
        raise NotFound(f"the repository has no app {name}")

    def entry(self, ref: ImageRef) -> Entry:
        """Return the entry of an image. Raises NotFound."""
        for entry in self.images:
            if entry.ref == ref:
                return entry
        raise NotFound(f"the repository has no image {ref}")

    def changed(self, images: Iterable[Entry], apps: Iterable[AppEntry], now: datetime) -> Index:
        """Return the index that follows this one.

        Its serial is the time, so that one that was lost and made anew is still newer than what others have seen.
        """
        serial = max(self.serial + 1, int(now.timestamp()))
        return Index(serial=serial, created=moment(now), images=tuple(images), apps=tuple(apps))

    def with_entry(self, entry: Entry | AppEntry, now: datetime) -> Index:
        """Return the index that follows this one with `entry` in it."""
        return self.with_app(entry, now) if isinstance(entry, AppEntry) else self.with_image(entry, now)

    def with_image(self, entry: Entry, now: datetime) -> Index:
        """Return the index that follows this one with `entry` in it, in place of one of the same image."""
        others = [other for other in self.images if other.ref != entry.ref and other.file != entry.file]
        return self.changed([*others, entry], self.apps, now)

    def with_app(self, entry: AppEntry, now: datetime) -> Index:
        """Return the index that follows this one with `entry` in it, in place of any version of the same app."""
        others = [other for other in self.apps if other.name != entry.name]
        return self.changed(self.images, [*others, entry], now)

    def without(self, ref: ImageRef, now: datetime) -> Index:
        """Return the index that follows this one without an image. Raises NotFound."""
        gone = self.entry(ref)
        return self.changed([entry for entry in self.images if entry is not gone], self.apps, now)

    def without_app(self, name: str, now: datetime) -> Index:
        """Return the index that follows this one without an app. Raises NotFound."""
        gone = self.app(name)
        return self.changed(self.images, [entry for entry in self.apps if entry is not gone], now)


def first_index() -> Index:
    """Return what a repository is before its first image; it is never published."""
    return Index(serial=1, created="1970-01-01T00:00:00Z")


def verified_index(raw: bytes, signature_file: bytes, key: str) -> Index:
    """Return the index after its signature was checked. Raises Untrusted."""
    signature.verify(key, signature.INDEX, raw, signature_file, what="The index")
    return Index.parse(raw)


@dataclass(frozen=True)
class Seen:
    """What the newest index of a repository said that was seen: its number, None where there was none, and its entries."""

    serial: int | None = None
    images: Sequence[Mapping[str, Any]] = ()
    apps: Sequence[Mapping[str, Any]] = ()


def check_successor(index: Index, seen: Seen, now: datetime) -> None:
    """Check that `index` can follow what was seen before. Raises Untrusted.

    Refused are an older one (whoever holds the server would have us take images back whose faults are known), another one
    of the same number (two publishers with one key, or a publisher that was set back), and one from the future.
    """
    if seen.serial is not None and index.serial < seen.serial:
        raise Untrusted(
            f"The index is older than the one seen before: its number is {index.serial}, that was {seen.serial}",
            resolution="If the repository was really set back, forget it with its number"
            " (`manage.py repository remove NAME --with-number`) and add it again.",
        )
    if index.serial == seen.serial and (index.rows(), index.app_rows()) != (list(seen.images), list(seen.apps)):
        raise Untrusted(f"There are two different indexes of number {seen.serial}: the repository was tampered with or set back")
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
