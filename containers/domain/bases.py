"""Base systems that recipes of apps can stand on without anybody having made them: spocweb does, by their names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from containers.domain.bootstrap import BaseSystem

# None is the host's own busybox; all others are Debian's smallest system of that release.
BASES: Final[Mapping[str, BaseSystem | None]] = {
    "busybox": None,
    "debian-12": BaseSystem(suite="bookworm"),
    "debian-13": BaseSystem(suite="trixie"),
}
