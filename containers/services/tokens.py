"""Keys for the API. Their text is shown once; the database holds a hash.

A key may be good for less than its owner may: for some rights, until a day, from some networks. Its owner losing a right, or
the account being switched off, takes it from the key at once.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from containers.domain.rights import RIGHTS, Right
from containers.errors import InvalidRequest, NotFound
from containers.models import ApiToken
from containers.services import access, audit
from containers.services.actor import Actor

# Lets scanners for leaked secrets, and people, see what it is.
PREFIX: Final = "spoc_"
# A write for every request would cost more than the request.
USE_NOTED_EVERY: Final = datetime.timedelta(minutes=1)
READ_ONLY: Final[tuple[Right, ...]] = ("view", "audit")
MOST_ADDRESSES: Final = 20
MOST_DAYS: Final = 3_650


@dataclass(frozen=True)
class Terms:
    """What a key is good for. `scope` empty: all that its owner may; `addresses` empty: from anywhere; `days` None: for ever."""

    name: str = ""
    scope: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    days: int | None = None


def create(actor: Actor, user: User, terms: Terms) -> str:
    """Make a token for `user` and put it on record; return its text, which cannot be had again. Raises InvalidRequest."""
    text = create_token(user, terms)
    data = {"name": terms.name, "scope": list(terms.scope), "addresses": list(terms.addresses), "days": terms.days}
    audit.record(actor, "token.create", user.get_username(), {key: value for key, value in data.items() if value})
    return text


def create_token(user: User, terms: Terms = Terms()) -> str:  # noqa: B008  a frozen value
    """Make a token for `user` and return its text. Raises InvalidRequest for terms that are none."""
    _check(terms)
    text = f"{PREFIX}{secrets.token_urlsafe(32)}"
    ApiToken.objects.create(
        user=user,
        digest=digest_of(text),
        name=terms.name,
        scope=_scope_of(terms.scope),
        addresses=[str(ipaddress.ip_network(address, strict=False)) for address in terms.addresses],
        expires_at=timezone.now() + datetime.timedelta(days=terms.days) if terms.days else None,
    )
    return text


def of(user: User) -> QuerySet[ApiToken]:
    """Return the tokens of `user`, newest first."""
    return ApiToken.objects.filter(user=user).order_by("-pk")


def revoke(actor: Actor, user: User, number: int) -> None:
    """Remove a token of `user`. Raises NotFound."""
    row = of(user).filter(pk=number).first() if 0 < number < 2**63 else None
    if row is None:
        raise NotFound("There is no such token")
    row.delete()
    audit.record(actor, "token.revoke", user.get_username(), {"name": row.name, "token": number})


def user_of(text: str, address: str = "") -> User | None:
    """Return whose token `text` is, with no more rights than it is good for, when it comes from `address`.

    None for one that is unknown, has expired, or is not taken from there, and for accounts that are switched off.
    Costs one query, and once a minute a second one that notes the use.
    """
    if not text.startswith(PREFIX) or not text.isascii():
        return None
    token = good().select_related("user").filter(digest=digest_of(text)).first()
    if token is None or not token.user.is_active or not _is_from(token.addresses, address):
        return None
    _note_use(token, address)
    if token.scope:
        access.limit(token.user, token.scope)
    return token.user


def good() -> QuerySet[ApiToken]:
    """Return the tokens that have not expired."""
    return ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def known(digests: Collection[str]) -> dict[str, list[str]]:
    """Return those of `digests` that there is a good key of, each with its scope; one query."""
    return dict(good().filter(digest__in=digests).values_list("digest", "scope"))


def digest_of(text: str) -> str:
    """Return by what a key is known: nobody gets the key back from it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _check(terms: Terms) -> None:
    if unknown := [one for one in terms.scope if one not in (*RIGHTS, "read-only")]:
        raise InvalidRequest.of("scope", f"{unknown[0][:40]!r} is none of read-only, {', '.join(RIGHTS)}")
    if len(terms.addresses) > MOST_ADDRESSES:
        raise InvalidRequest.of("addresses", f"{MOST_ADDRESSES} at most")
    for address in terms.addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError as error:
            raise InvalidRequest.of("addresses", f"{address[:60]!r} is no address or network, as 10.0.0.0/8") from error
    if terms.days is not None and not 0 < terms.days <= MOST_DAYS:
        raise InvalidRequest.of("days", f"must be from 1 to {MOST_DAYS}")
    if len(terms.name) > 60 or not terms.name.isprintable():
        raise InvalidRequest.of("name", "must be 60 printable characters at most")


def _scope_of(words: Sequence[str]) -> list[str]:
    rights = {right for word in words for right in (READ_ONLY if word == "read-only" else (word,))}
    # Nothing can be done without looking.
    return [right for right in RIGHTS if right in rights or (right == "view" and rights)]


def _is_from(networks: Sequence[str], address: str) -> bool:
    if not networks:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        # Over a unix socket nobody knows from where.
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return any(mapped in ipaddress.ip_network(network) for network in networks)


def _note_use(token: ApiToken, address: str) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        try:
            seen = str(ipaddress.ip_address(address))
        except ValueError:
            seen = None
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now, last_address=seen)
