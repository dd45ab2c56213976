"""What a key for the API is good for: some rights, until a day, from some networks. Judged, and held within another's."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from containers.domain.rights import RIGHTS, Right
from containers.errors import Forbidden, InvalidRequest
from containers.models import ApiToken

READ_ONLY: Final[tuple[Right, ...]] = ("view", "audit")
# What a scope may be made of; "read-only" stands for the rights above.
WORDS: Final = ("read-only", *RIGHTS)
MOST_ADDRESSES: Final = 20
MOST_DAYS: Final = 3_650
MAX_NAME: Final = 60


@dataclass(frozen=True)
class Terms:
    """What a key is good for. `scope` empty: all that its owner may; `addresses` empty: from anywhere; `days` None: for ever."""

    name: str = ""
    scope: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    days: int | None = None


def row_of(terms: Terms, parent: ApiToken | None = None) -> ApiToken:
    """Return a row, not saved, that is good for what `terms` say, and for no more than `parent` is, with which it was asked for.

    What is left open is what the parent is good for. Raises InvalidRequest, Forbidden.
    """
    _check(terms)
    row = ApiToken(
        name=terms.name,
        scope=_scope_of(terms.scope),
        addresses=[str(ipaddress.ip_network(address, strict=False)) for address in terms.addresses],
        expires_at=timezone.now() + datetime.timedelta(days=terms.days) if terms.days else None,
    )
    if parent is not None:
        _hold_within(row, parent)
    return row


def is_read_only(token: ApiToken) -> bool:
    """Return whether nothing can be changed with it."""
    return bool(token.scope) and set(token.scope) <= set(READ_ONLY)


def _check(terms: Terms) -> None:
    if unknown := [one for one in terms.scope if one not in WORDS]:
        raise InvalidRequest.of("scope", f"{unknown[0][:40]!r} is none of {', '.join(WORDS)}")
    if len(terms.addresses) > MOST_ADDRESSES:
        raise InvalidRequest.of("addresses", f"{MOST_ADDRESSES} at most")
    for address in terms.addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError as error:
            raise InvalidRequest.of("addresses", f"{address[:60]!r} is no address or network, as 10.0.0.0/8") from error
    if terms.days is not None and not 0 < terms.days <= MOST_DAYS:
        raise InvalidRequest.of("days", f"must be from 1 to {MOST_DAYS}")
    if len(terms.name) > MAX_NAME or not terms.name.isprintable():
        raise InvalidRequest.of("name", f"must be {MAX_NAME} printable characters at most")


def _scope_of(words: Sequence[str]) -> list[str]:
    rights = {right for word in words for right in (READ_ONLY if word == "read-only" else (word,))}
    # Nothing can be done without looking.
    return [right for right in RIGHTS if right in rights or (right == "view" and rights)]


def _hold_within(row: ApiToken, parent: ApiToken) -> None:
    if is_read_only(parent) or parent.made_with_id is not None:
        what = "good for looking only" if is_read_only(parent) else "made with another one"
        raise Forbidden(f"This token is {what}: it makes no others", resolution="Make one on the page of your tokens.")
    if parent.scope and (beyond := [one for one in row.scope if one not in parent.scope]):
        raise InvalidRequest.of("scope", f"the token that asks is not good for {', '.join(beyond)}")
    if parent.expires_at and row.expires_at and row.expires_at > parent.expires_at:
        raise InvalidRequest.of("days", f"the token that asks is good until {parent.expires_at:%Y-%m-%d} only")
    if parent.addresses and not all(_is_within(one, parent.addresses) for one in row.addresses):
        raise InvalidRequest.of("addresses", f"the token that asks is taken from {', '.join(parent.addresses)} only")
    row.scope = row.scope or parent.scope
    row.expires_at = row.expires_at or parent.expires_at
    row.addresses = row.addresses or parent.addresses
    row.made_with = parent


def _is_within(address: str, networks: Sequence[str]) -> bool:
    found = ipaddress.ip_network(address)
    return any(
        found.version == other.version and found.subnet_of(other)  # type: ignore[arg-type]  # the same version
        for other in map(ipaddress.ip_network, networks)
    )
