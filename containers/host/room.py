"""Watching the disk while a program of others fills a directory: it must not run full."""

from __future__ import annotations

import os
from pathlib import Path

from containers.domain.amounts import size
from containers.errors import HostError
from containers.host.unpack import KEPT_FREE_BYTES, KEPT_FREE_PART


def require(path: Path) -> None:
    """Raise HostError, saying how much is missing, where less is free than has to stay free."""
    status = os.statvfs(path)
    kept = min(KEPT_FREE_BYTES, status.f_blocks * status.f_frsize // KEPT_FREE_PART)
    if (missing := kept - status.f_bavail * status.f_frsize) > 0:
        raise HostError(f"the disk is too full: {size(missing)} more must be free, so that {size(kept)} stay free")
