"""The name servers that a container can ask: those of the host, unless they listen on the host alone."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Final

# systemd-resolved listens on 127.0.0.53 and lists the servers that it asks itself in the second (systemd-resolved(8)).
_FILES: Final = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_KEPT: Final = frozenset({"search", "domain", "options"})


def text(files: tuple[Path, ...] = _FILES) -> str:
    """Return a resolv.conf(5) for containers; empty where the host has no server that they could reach."""
    for file in files:
        lines = [line.split() for line in _read(file).splitlines()]
        if servers := [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1 and _is_reachable(words[1])]:
            kept = [" ".join(words) for words in lines if words and words[0] in _KEPT]
            return "".join(f"{line}\n" for line in (*kept, *(f"nameserver {server}" for server in servers)))
    return ""


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        # Without name servers a host is still one.
        return ""


def _is_reachable(server: str) -> bool:
    try:
        # Containers have IPv4 alone.
        address = ip_address(server)
    except ValueError:
        return False
    return address.version == 4 and not address.is_loopback
