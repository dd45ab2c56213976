"""Command lines of LXC's own tools."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.domain.names import container_name

_BIN: Final = Path("/usr/bin")


def command(layout: Layout, name: str, tool: str, *words: str | os.PathLike[str]) -> list[str]:
    """Return the command line of a tool for one container; raise ValueError for what is no container's name."""
    return [
        os.fspath(_BIN / tool),
        f"--lxcpath={layout.containers}",
        f"--name={container_name(name)}",
        *(os.fspath(word) for word in words),
    ]
