"""The one writer of LXC configuration files: what LXC reads back must be what was meant, or the old file stays."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Final

from containers.domain.layout import Layout
from containers.errors import InvalidRequest
from containers.host import files, readback
from containers.host.command import Runner

# A definition makes much less; what somebody else has written is read up to here.
_MOST_BYTES: Final = 4 * 1024 * 1024


def read(layout: Layout, name: str) -> bytes | None:
    """Return a container's configuration as it is on the host; None where there is no such file."""
    try:
        descriptor = os.open(layout.config(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP}:
            return None
        raise
    try:
        return os.read(descriptor, _MOST_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


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
