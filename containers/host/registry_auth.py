"""The file with user names and passwords for registries, which root alone may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from containers.domain import registry_auth
from containers.domain.registry_auth import RegistryAuth
from containers.errors import HostError


def read(path: Path, ref: str) -> RegistryAuth:
    """Return what the file has for the registry of a valid reference; nothing where there is no file.

    Raises HostError, which never says what stands in it, if it is a link, somebody else's, open to others, or no such file.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return RegistryAuth({})
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}") from error
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o077:
            raise HostError(f"{path} is not root's alone: others could read its passwords", resolution=f"chmod 600 {path}")
        raw = stream.read(registry_auth.MAX_BYTES + 1)
    try:
        if len(raw) > registry_auth.MAX_BYTES:
            raise ValueError(f"has more than {registry_auth.MAX_BYTES} bytes")
        return registry_auth.select(raw, ref)
    except ValueError as error:
        raise HostError(f"{path} {error}", resolution=f"`skopeo login --authfile {path} REGISTRY` writes it") from None
