"""The hosts file that all containers see: name → address of every container, changed in place."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Final

from containers.domain.layout import Layout
from containers.domain.names import container_name

_HEADER: Final = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def ensure(layout: Layout) -> None:
    """Make the file if there is none yet, and give it its owner and mode."""
    if not layout.hosts.exists():
        write(layout, {})
    os.chown(layout.hosts, 0, 0, follow_symlinks=False)
    layout.hosts.chmod(0o644)


def write(layout: Layout, addresses: Mapping[str, str]) -> bool:
    """Make the file hold exactly these containers; return whether that changed anything.

    The file is rewritten, never replaced: it is bind-mounted into every container, and a file that was renamed over
    it would leave them the old one.
    """
    content = render(addresses).encode()
    file = os.open(layout.hosts, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        if os.pread(file, size + 1, 0) == content:
            return False
        # One write, then the cut: no reader sees an empty file.
        os.pwrite(file, content, 0)
        os.ftruncate(file, len(content))
        return True
    finally:
        os.close(file)


def render(addresses: Mapping[str, str]) -> str:
    """Return the file's text, sorted by name; raise ValueError for what is not a name or an address."""
    lines = (f"{IPv4Address(address)}\t{container_name(name)}\n" for name, address in sorted(addresses.items()))
    return _HEADER + "".join(lines)
