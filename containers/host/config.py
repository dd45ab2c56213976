"""The one writer of LXC configuration files: what LXC reads back must be what was meant, or the old file stays."""

from __future__ import annotations

from contextlib import suppress

from containers.domain.layout import Layout
from containers.errors import InvalidRequest
from containers.host import files, readback
from containers.host.command import Runner


def write(layout: Layout, name: str, text: str, runner: Runner) -> bool:
    """Make `text` a container's configuration; return whether that changed anything.

    Text that is there already costs one read. Raises InvalidRequest if LXC reads anything else than was meant.
    """
    path = layout.config(name)
    content = text.encode()
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return False
    if wrong := readback.differences(text, runner, directory=layout.run_dir / "lxc"):
        raise InvalidRequest(f"LXC reads another configuration for {name} than was meant: {', '.join(wrong)}")
    files.replace(path, content, mode=0o640)
    return True
