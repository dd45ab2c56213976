"""/accounts/: who signs in, and what they were given, for who administers accounts."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from django.contrib.auth.models import User
from django.db import transaction
from ninja import Query, Schema, Status
from pydantic import Field

from containers.api.auth import USERS, ApiRequest, actor_of, require_recent
from containers.api.paging import Paged, paginate
from containers.api.routing import Router
from containers.api.schemas import ERRORS, StrictBody
from containers.services import access, accounts, factors, roles, signed_in
from containers.services.accounts import MAX_PASSWORD
from containers.services.roles import Given

router = Router(tags=["accounts"])


class GrantBody(StrictBody):
    """A right, on the containers whose names match the pattern, of that app alone if one is named."""

    right: str
    pattern: str = "*"
    app: str = ""


class AccountChanges(StrictBody):
    """Any of these keys; `roles` and `grants` replace what was given."""

    active: bool | None = None
    password: Annotated[str | None, Field(max_length=MAX_PASSWORD, description="Empty: one is made, and returned")] = None
    roles: Annotated[list[str], Field(max_length=50)] | None = None
    grants: Annotated[list[GrantBody], Field(max_length=200)] | None = None


class NewAccount(StrictBody):
    """An account without any right, unless roles or grants are given."""

    name: str
    password: Annotated[str, Field(max_length=MAX_PASSWORD, description="Empty: one is made, and returned")] = ""
    roles: Annotated[list[str], Field(max_length=50)] = []
    grants: Annotated[list[GrantBody], Field(max_length=200)] = []


class GrantOut(Schema):
    right: str
    pattern: str
    app: str


class HoldingOut(GrantOut):
    source: Annotated[str, Field(description="Where the right comes from")]


class AccountOut(Schema):
    name: str
    active: bool
    superuser: bool
    roles: list[str]
    grants: list[GrantOut]
    tokens: Annotated[int, Field(description="How many tokens there are of it")]
    created_at: datetime.datetime
    last_sign_in: datetime.datetime | None


class SessionOut(Schema):
    since: datetime.datetime
    address: str
    browser: str


class AccountDetail(AccountOut):
    sessions: Annotated[list[SessionOut], Field(description="Browsers that are signed in, newest first")]
    second_factors: Annotated[list[str], Field(description="What is asked for besides the password: totp or webauthn")]
    rights: Annotated[list[HoldingOut], Field(description="All that it may do, and why")]


class AccountChanged(AccountDetail):
    password: Annotated[str | None, Field(description="The password that was made: it cannot be had again")]


class AccountPage(Schema):
    count: int
    next: str | None
    results: list[AccountOut]


@router.get("/accounts/", auth=USERS, response={200: AccountPage, **ERRORS})
def list_accounts(request: ApiRequest, filters: Query[Paged]) -> dict[str, Any]:
    """List accounts by name."""
    return paginate(request, accounts.every(), filters.page, export)


@router.post("/accounts/", auth=USERS, response={201: AccountChanged, **ERRORS})
def make_account(request: ApiRequest, payload: NewAccount) -> Status[Any]:
    """Make an account."""
    require_recent(request)
    with transaction.atomic():
        user, password = accounts.create(actor_of(request), payload.name, payload.password)
        _give(request, user, payload.roles, payload.grants)
    return Status(201, {**detail(payload.name), "password": password or None})


@router.get("/accounts/{name}/", auth=USERS, response={200: AccountDetail, **ERRORS})
def show_account(request: ApiRequest, name: str) -> dict[str, Any]:
    """Return an account with all that it may do."""
    return detail(name)


@router.patch("/accounts/{name}/", auth=USERS, response={200: AccountChanged, **ERRORS})
def change_account(request: ApiRequest, name: str, payload: AccountChanges) -> dict[str, Any]:
    """Switch an account on or off, give it another password, roles, rights: all of it or nothing."""
    user = accounts.get(name)
    require_recent(request)
    made = ""
    with transaction.atomic():
        if payload.active is not None:
            accounts.set_active(actor_of(request), user, active=payload.active)
        if payload.password is not None:
            made = accounts.set_password(actor_of(request), user, payload.password)
        _give(request, user, payload.roles, payload.grants)
    return {**detail(name), "password": made or None}


@router.delete("/accounts/{name}/", auth=USERS, response={204: None, **ERRORS})
def remove_account(request: ApiRequest, name: str) -> Status[None]:
    """Remove an account with its tokens and rights. What it did stays on record under its name."""
    user = accounts.get(name)
    require_recent(request)
    accounts.remove(actor_of(request), user)
    return Status(204, None)


@router.delete("/accounts/{name}/sessions/", auth=USERS, response={204: None, **ERRORS})
def end_sessions(request: ApiRequest, name: str) -> Status[None]:
    """Sign all browsers of an account out, but the one that asks. Its tokens stay."""
    user = accounts.get(name)
    require_recent(request)
    accounts.end_sessions(actor_of(request), user, keep=request.session.session_key or "")
    return Status(204, None)


def _give(request: ApiRequest, user: User, names: list[str] | None, grants: list[GrantBody] | None) -> None:
    if names is not None:
        roles.set_roles(actor_of(request), user, names)
    if grants is not None:
        given = {Given.parse(one.right, one.pattern, one.app) for one in grants}
        roles.set_grants(actor_of(request), user, given)


def export(user: User) -> dict[str, Any]:
    return {
        "name": user.get_username(),
        "active": user.is_active,
        "superuser": user.is_superuser,
        "roles": sorted(group.name for group in user.groups.all()),
        "grants": [{"right": one.right, "pattern": one.pattern, "app": one.app} for one in user.grants.all()],
        "tokens": user.token_count,  # type: ignore[attr-defined]  # of `accounts.every`
        "created_at": user.date_joined,
        "last_sign_in": user.last_login,
    }


def detail(name: str) -> dict[str, Any]:
    user = accounts.get(name)
    rights = [
        {"right": one.right, "pattern": one.scope.pattern, "app": one.scope.app, "source": one.source}
        for one in access.holdings(user)
    ]
    sessions = [{"since": one.since, "address": one.address, "browser": one.agent} for one in signed_in.of(user)]
    return {**export(user), "rights": rights, "sessions": sessions, "second_factors": factors.kinds(user)}
