"""/tokens/: keys for this API. One's own; who administers accounts sees and takes back everybody's."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from ninja import Query, Schema, Status
from pydantic import Field

from containers.api.auth import SEE, ApiRequest, actor_of, require_recent
from containers.api.paging import Paged, paginate
from containers.api.routing import Router
from containers.api.schemas import ERRORS, StrictBody
from containers.api.texts import QueryText
from containers.errors import NotFound
from containers.models import ApiToken
from containers.services import access, tokens
from containers.services.token_terms import MAX_NAME, MOST_ADDRESSES, WORDS, Terms

router = Router(tags=["tokens"])


class TokenFilter(Paged):
    everybody: Annotated[bool, Field(description="Not only one's own; takes the right to administer accounts")] = False
    user: Annotated[QueryText, Field(description="Only the tokens of this account")] = ""


class NewToken(StrictBody):
    """What is left out is not limited; with a token that is, it is what that token is good for."""

    name: Annotated[str, Field(max_length=MAX_NAME)] = ""
    scope: Annotated[list[str], Field(max_length=20, description=f"Of {', '.join(WORDS)}")] = []
    addresses: Annotated[list[str], Field(max_length=MOST_ADDRESSES, description="As 10.0.0.0/8")] = []
    days: Annotated[int | None, Field(description="How long it is good")] = None


class TokenOut(Schema):
    id: int
    user: str
    name: str
    scope: Annotated[list[str], Field(description="The rights that it is good for; empty for all of its owner's")]
    addresses: Annotated[list[str], Field(description="The networks that it is taken from; empty for any")]
    created_at: datetime.datetime
    expires_at: datetime.datetime | None
    last_used_at: datetime.datetime | None
    last_address: str | None
    made_with: Annotated[int | None, Field(description="The token that it was asked for with, and goes with")]


class MadeToken(TokenOut):
    token: Annotated[str, Field(description="The token itself: it cannot be had again")]


class TokenPage(Schema):
    count: int
    next: str | None
    results: list[TokenOut]


@router.get("/tokens/", auth=SEE, response={200: TokenPage, **ERRORS})
def list_tokens(request: ApiRequest, filters: Query[TokenFilter]) -> dict[str, Any]:
    """List tokens, newest first. With a token that is limited: it, and those that were made with it."""
    rows = tokens.within_reach(actor_of(request))
    if filters.everybody or filters.user not in ("", request.auth.get_username()):
        access.require(request.auth, "users")
    else:
        rows = rows.filter(user=request.auth)
    return paginate(request, rows.filter(user__username=filters.user) if filters.user else rows, filters.page, export)


@router.post("/tokens/", auth=SEE, response={201: MadeToken, **ERRORS})
def make_token(request: ApiRequest, payload: NewToken) -> Status[Any]:
    """Make a token of one's own. With a token one makes none that is good for more, and it goes with that one."""
    require_recent(request)
    terms = Terms(payload.name, tuple(payload.scope), tuple(payload.addresses), payload.days)
    row, text = tokens.create(actor_of(request), request.auth, terms)
    return Status(201, {**export(row), "token": text})


@router.get("/tokens/{int:number}/", auth=SEE, response={200: TokenOut, **ERRORS})
def show_token(request: ApiRequest, number: int) -> dict[str, Any]:
    """Return one token."""
    row = tokens.within_reach(actor_of(request)).filter(pk=number).first() if number < 2**63 else None
    if row is None:
        raise NotFound("There is no such token")
    return export(row)


@router.delete("/tokens/{int:number}/", auth=SEE, response={204: None, **ERRORS})
def revoke_token(request: ApiRequest, number: int) -> Status[None]:
    """Take a token back, and those that were made with it: from now on they are refused."""
    tokens.revoke(actor_of(request), number)
    return Status(204, None)


def export(row: ApiToken) -> dict[str, Any]:
    return {
        "id": row.pk,
        "user": row.user.get_username(),
        "name": row.name,
        "scope": row.scope,
        "addresses": row.addresses,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
        "last_address": row.last_address,
        "made_with": row.made_with_id,
    }
