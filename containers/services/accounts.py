"""Accounts: made, switched off, removed, by who administers them and by root on the host. Roles and rights: services.roles."""

from __future__ import annotations

import re
import secrets
from typing import Final

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet

from containers.choices import EventKind
from containers.errors import Conflict, InvalidRequest, NotFound
from containers.services import access, audit, signed_in
from containers.services.actor import Actor
from containers.services.roles import check_administered

# ASCII, so that no two names look alike in the audit trail.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@.+_-]{0,63}", re.ASCII)
# Who acts without an account is on record under these.
_TAKEN: Final = frozenset({"root", "spocweb"})
# 120 bits, as 20 characters.
_PASSWORD_BYTES: Final = 15
MAX_PASSWORD: Final = 200


def every() -> QuerySet[User]:
    """Return all accounts by name, with roles, grants in person, and `token_count`; three queries."""
    rows = User.objects.annotate(token_count=Count("api_tokens", distinct=True))
    return rows.prefetch_related("groups", "grants").order_by("username")


def get(name: str) -> User:
    """Return the account called `name`, as `every` does. Raises NotFound."""
    return _found(every().filter(username=name).first(), name)


def get_numbered(number: int) -> User:
    """Return the account of that number: what stands in the addresses of pages. Raises NotFound."""
    return _found(every().filter(pk=number).first(), str(number))


def create(actor: Actor, name: str, password: str = "") -> tuple[User, str]:
    """Make an account without any right; return it, and the password that was made where none was given.

    Raises InvalidRequest, Forbidden.
    """
    access.require(actor, "users")
    check_name(name)
    user = User(username=name)
    made = _set_password(user, password)
    with transaction.atomic():
        user.save(force_insert=True)
        audit.record(actor, EventKind.USER_CREATE, name, {})
    return user, made


def set_password(actor: Actor, user: User, password: str = "") -> str:
    """Give an account another password, which ends its sessions; return the one that was made where none was given."""
    access.require(actor, "users")
    made = _set_password(user, password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        audit.record(actor, EventKind.PASSWORD_CHANGE, user.get_username(), {})
    return made


def set_active(actor: Actor, user: User, *, active: bool) -> None:
    """Switch an account on or off; repeating it is no error. Raises Conflict for one's own and the last administrator's."""
    access.require(actor, "users")
    _check_other(actor, user)
    with transaction.atomic():
        if User.objects.filter(pk=user.pk).exclude(is_active=active).update(is_active=active):
            check_administered()
            data = {"before": {"active": not active}, "after": {"active": active}}
            audit.record(actor, EventKind.USER_UPDATE, user.get_username(), data)
    user.is_active = active


def end_sessions(actor: Actor, user: User, number: str = "", *, keep: str = "") -> int:
    """End a session of an account, or all where none is named, but never the one with the key `keep`; return how many."""
    access.require(actor, "users")
    return signed_in.end(actor, user, number, keep=keep)


def remove(actor: Actor, user: User) -> None:
    """Remove an account with its tokens, views and rights; what it did stays on record under its name.

    Raises Conflict for one's own and the last administrator's.
    """
    access.require(actor, "users")
    _check_other(actor, user)
    name = user.get_username()
    data = {"roles": sorted(user.groups.values_list("name", flat=True)), "api_tokens": user.api_tokens.count()}
    with transaction.atomic():
        user.delete()
        check_administered()
        audit.record(actor, EventKind.USER_REMOVE, name, {key: value for key, value in data.items() if value})


def _found(user: User | None, name: str) -> User:
    if user is None:
        raise NotFound(f"There is no account {name[:64]!r}")
    return user


def check_name(name: str) -> None:
    """Raise InvalidRequest for what is no name for a new account."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest.of("name", "is made of letters, digits and @ . + - _, 64 at most, and does not begin with a mark")
    if name.lower() in _TAKEN:
        raise InvalidRequest.of("name", f"{name} is who acts without an account")
    # Case too: nobody is to be taken for somebody else.
    if User.objects.filter(username__iexact=name).exists():
        raise InvalidRequest.of("name", "there is an account of this name")


def _check_other(actor: Actor, user: User) -> None:
    if actor.user == user:
        raise Conflict("This is your own account", resolution="Ask another administrator.")


def _set_password(user: User, password: str) -> str:
    if not password:
        made = secrets.token_urlsafe(_PASSWORD_BYTES)
        user.set_password(made)
        return made
    if len(password) > MAX_PASSWORD:
        raise InvalidRequest.of("password", f"must be {MAX_PASSWORD} characters at most")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidRequest.of("password", " ".join(error.messages)) from error
    user.set_password(password)
    return ""
