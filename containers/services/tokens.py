"""Keys for the API. Their text is shown once; the database holds a hash."""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Collection
from typing import Final

from django.contrib.auth.models import User
from django.utils import timezone

from containers.models import ApiToken

# Lets scanners for leaked secrets, and people, see what it is.
PREFIX: Final = "spoc_"
# A write for every request would cost more than the request.
USE_NOTED_EVERY: Final = datetime.timedelta(minutes=1)


def create_token(user: User) -> str:
    """Make a token for `user` and return its text, which cannot be had again."""
    text = f"{PREFIX}{secrets.token_urlsafe(32)}"
    ApiToken.objects.create(user=user, digest=digest_of(text))
    return text


def user_of(text: str) -> User | None:
    """Return whose token `text` is; None for an unknown one and for accounts that are switched off.

    Costs one query, and once a minute a second one that notes the use.
    """
    if not text.startswith(PREFIX) or not text.isascii():
        return None
    token = ApiToken.objects.select_related("user").filter(digest=digest_of(text)).first()
    if token is None or not token.user.is_active:
        return None
    _note_use(token)
    return token.user


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def known(digests: Collection[str]) -> set[str]:
    """Return those of `digests` that there is a key of; one query."""
    return set(ApiToken.objects.filter(digest__in=digests).values_list("digest", flat=True))


def digest_of(text: str) -> str:
    """Return by what a key is known: nobody gets the key back from it."""
    return hashlib.sha256(text.encode()).hexdigest()
