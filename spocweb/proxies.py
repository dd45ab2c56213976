"""What a reverse proxy says of a request, which counts only where the proxy is trusted (settings.TRUSTED_PROXIES).

Addresses limit guessing and tokens and stand in the audit trail: whoever could name one of his choice would get past all three.
Pages, API, events and WebSockets see what is left here, and nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, MutableMapping
from typing import Any, Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Headers = Iterable[tuple[bytes, bytes]]

FOR: Final = b"x-forwarded-for"
# What Django or gunicorn would act on.
SAID: Final = frozenset({FOR, b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded", b"x-real-ip"})


def believed(scope: MutableMapping[str, Any], trusted: tuple[Network, ...]) -> MutableMapping[str, Any]:
    """Return the ASGI `scope` with the address of who asks as its client; of an untrusted peer without what proxies say."""
    peer = _address((scope.get("client") or ("",))[0])
    if peer is None or not _is_in(peer, trusted):
        return {**scope, "headers": [one for one in scope.get("headers", ()) if one[0].lower() not in SAID]}
    return {**scope, "client": (str(_origin(peer, scope.get("headers", ()), trusted)), 0)}


def _origin(peer: Address, headers: Headers, trusted: tuple[Network, ...]) -> Address:
    """Return the last address on the way that no trusted proxy has: what stands before it may be made up."""
    way = b",".join(value for name, value in headers if name.lower() == FOR).decode("latin-1")
    found = peer
    for text in reversed(way.split(",")):
        address = _address(text.strip())
        if address is None:
            break
        found = address
        if not _is_in(address, trusted):
            break
    return found


def _address(text: str) -> Address | None:
    """Read an address, also with a port; an IPv4 address in an IPv6 one is what it stands for."""
    host = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0] if text.count(":") == 1 else text
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
