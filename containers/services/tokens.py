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
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from containers.choices import EventKind
from containers.errors import Conflict, Forbidden, NotFound
from containers.models import ApiToken
from containers.services import access, audit, token_terms
from containers.services.actor import Actor
from containers.services.token_terms import Terms

# Lets scanners for leaked secrets, and people, see what it is.
PREFIX: Final = "spoc_"
# A write for every request would cost more than the request.
USE_NOTED_EVERY: Final = datetime.timedelta(minutes=1)
# Whoever needs more has lost count of them.
MOST: Final = 100
# Where a `User` object that came with a token has it.
_TOKEN: Final = "_spocweb_token"  # noqa: S105


def create(actor: Actor, user: User, terms: Terms) -> tuple[ApiToken, str]:
    """Make a token for `user`, who asks himself, and put it on record; return it and its text, which cannot be had again.

    Asked for with a token, it is good for no more than that one, and goes with it. Raises InvalidRequest, Conflict, Forbidden.
    """
    if actor.user != user and actor.via not in access.ROOT_VIA:
        raise Forbidden("A token is made by whose it is, or by root on the host")
    if of(user).count() >= MOST:
        raise Conflict(f"There are {MOST} tokens of {user.get_username()}", resolution="Take back those that nobody needs.")
    with transaction.atomic():
        row, text = _insert(user, token_terms.row_of(terms, token_of(actor)))
        audit.record(actor, EventKind.TOKEN_CREATE, user.get_username(), _about(row))
    return row, text


def create_token(user: User, terms: Terms = Terms()) -> str:  # noqa: B008  a frozen value
    """Make a token for `user` and return its text. Raises InvalidRequest for terms that are none."""
    return _insert(user, token_terms.row_of(terms))[1]


def of(user: User) -> QuerySet[ApiToken]:
    """Return the tokens of `user`, newest first."""
    return ApiToken.objects.filter(user=user).order_by("-pk")


def within_reach(actor: Actor) -> QuerySet[ApiToken]:
    """Return the tokens that `actor` may look at and take back, newest first: everybody's for who administers accounts.

    With a token that is not good for all that its owner may: it, and those that were made with it.
    """
    rows = ApiToken.objects.select_related("user").order_by("-pk")
    if access.may(actor, "users"):
        return rows
    own, token = rows.filter(user=actor.user), token_of(actor)
    return own.filter(Q(pk=token.pk) | Q(made_with=token.pk)) if token and token.scope else own


def revoke(actor: Actor, number: int) -> ApiToken:
    """Remove a token, and those that were made with it; return what it was. Raises NotFound, also for what is out of reach."""
    row = within_reach(actor).filter(pk=number).first() if 0 < number < 2**63 else None
    if row is None:
        raise NotFound("There is no such token")
    with transaction.atomic():
        for one in (*row.made.all(), row):
            audit.record(actor, EventKind.TOKEN_REVOKE, row.user.get_username(), {"number": one.pk, "name": one.name})
        ApiToken.objects.filter(pk=number).delete()
    return row


def token_of(who: Actor) -> ApiToken | None:
    """Return the token that a request came with; None for the session of a page, and for root on the host."""
    return getattr(who.user, _TOKEN, None)


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
    setattr(token.user, _TOKEN, token)
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


def _insert(user: User, row: ApiToken) -> tuple[ApiToken, str]:
    text = f"{PREFIX}{secrets.token_urlsafe(32)}"
    row.user, row.digest = user, digest_of(text)
    row.save(force_insert=True)
    return row, text


def _about(row: ApiToken) -> dict[str, object]:
    """Return what is put on record of a token: nothing that could be used as one."""
    data = {
        "name": row.name,
        "scope": row.scope,
        "addresses": row.addresses,
        "until": row.expires_at and row.expires_at.isoformat(timespec="seconds"),
        "made_with": row.made_with_id,
    }
    return {"number": row.pk, **{key: value for key, value in data.items() if value}}


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
