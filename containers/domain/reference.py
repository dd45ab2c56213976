"""References to images in registries, as `docker pull` takes them (distribution/reference grammar). Pure."""

from __future__ import annotations

import re
from typing import Final

from containers.domain.image import DEFAULT_VERSION, ImageRef
from containers.errors import InvalidRequest

MAX_REFERENCE: Final = 300
# What a reference without a host means.
DOCKER_HUB: Final = "docker.io"

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?"
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_LOOPBACK: Final = re.compile(r"(?:localhost|127\.[0-9.]+|\[::1\])(?::[0-9]+)?", re.ASCII)


def registry_reference(value: str) -> str:
    """Check a reference: [HOST[:PORT]/]PATH[:TAG] or with @DIGEST in the tag's place. Raises ValueError."""
    if len(value) > MAX_REFERENCE:
        raise ValueError(f"is longer than {MAX_REFERENCE} characters")
    match = _REFERENCE.fullmatch(value)
    if not match:
        raise ValueError("must be an image in a registry, such as debian:12 or registry.example.org/team/web:1.2")
    if match["tag"] and match["digest"]:
        raise ValueError("must have a tag or a digest, and not both")
    return value


def is_local(reference: str) -> bool:
    """Return whether the registry is on this machine: those speak plain HTTP, as `docker` takes it, too."""
    return bool(_LOOPBACK.fullmatch(reference.partition("/")[0])) and "/" in reference


def registry_of(reference: str) -> str:
    """Return the registry of a valid reference: HOST or HOST:PORT. A first part without dot and port is no host, but for one."""
    host, slash, _ = reference.partition("/")
    is_host = bool(slash) and ("." in host or ":" in host or host == "localhost")
    return host if is_host and host != "index.docker.io" else DOCKER_HUB


def image_of(reference: str) -> ImageRef:
    """Return what an image is called here whose reference is valid and that was given no name. Raises InvalidRequest."""
    match = _REFERENCE.fullmatch(reference)
    name = match["path"].rpartition("/")[2] if match else reference
    version = (match["tag"] if match else None) or DEFAULT_VERSION
    try:
        return ImageRef.parse(f"{name}:{version}")
    except InvalidRequest as error:
        raise InvalidRequest.of("image", f"{name}:{version} cannot be its name here: give it another") from error
