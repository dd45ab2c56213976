"""User names and passwords for registries, in the form that skopeo, podman and docker share (containers-auth.json(5)). Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from containers.domain import reference
from containers.domain.json_text import load_json
from containers.errors import Malformed

MAX_BYTES: Final = 1 << 20
# What is passed on of an entry. Helpers are not: they are programs, which root would run.
_KEYS: Final = ("auth", "identitytoken")


@dataclass(frozen=True)
class RegistryAuth:
    """What a file says of one registry; nothing if `entries` is empty."""

    entries: Mapping[str, Mapping[str, str]]

    def encode(self) -> bytes:
        """Return a file with nothing else in it."""
        return json.dumps({"auths": self.entries}).encode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what is never to be shown: what stands there, and the passwords in it."""
        values = [value for entry in self.entries.values() for value in entry.values()]
        return (*values, *(password for value in values if (password := _password(value))))


def select(raw: bytes, ref: str) -> RegistryAuth:
    """Return what a file has for the registry of a valid reference, and nothing for others.

    Raises ValueError with a sentence for what is no such file: it never says what stands in it.
    """
    try:
        data: Any = load_json(raw)
    except (ValueError, Malformed):
        raise ValueError("is no JSON") from None
    auths = data.get("auths", {}) if isinstance(data, dict) else None
    if not isinstance(auths, dict) or not all(isinstance(entry, dict) for entry in auths.values()):
        raise ValueError('has no object "auths" of objects')
    wanted = reference.registry_of(ref)
    found = {key: _kept(entry) for key, entry in auths.items() if _registry(key) == wanted}
    return RegistryAuth({key: entry for key, entry in found.items() if entry})


def _kept(entry: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key in _KEYS if isinstance(value := entry.get(key), str) and value}


def _registry(key: str) -> str:
    """Return the registry that an entry is about: HOST, HOST/PATH, or as docker wrote it once, https://HOST/v1/."""
    host = key.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return reference.DOCKER_HUB if host == "index.docker.io" else host


def _password(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
