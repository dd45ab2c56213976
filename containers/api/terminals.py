"""Terminals in containers: who has had one, and the ticket to open one or to join it again; see `sockets` for the rest."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from django.http import HttpResponse, JsonResponse
from ninja import Query, Schema
from pydantic import Field

from containers.api import schemas
from containers.api.auth import TERMINAL, ApiRequest
from containers.api.paging import Paged, paginate
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.choices import TerminalEnding, Via
from containers.models import TerminalSession
from containers.services import actor, sight, terminals
from containers.services.actor import Actor
from containers.services.inputs import CommandWords, Identity
from containers.services.terminals import Admission

router = Router(tags=["terminals"])


class TerminalBody(schemas.StrictBody):
    command: Annotated[CommandWords, Field(description="Run this in place of the login shell")] | None = None
    uid: Annotated[Identity, Field(description="A number, or a name that the container knows; root by default")] | None = None


class TerminalOut(Schema):
    id: int
    container: str
    user: str
    remote_address: str | None
    via: Via
    command: list[str]
    uid: str | None
    recorded: bool
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    ending: TerminalEnding | None
    reason: str
    exit_code: int | None
    bytes_in: int
    bytes_out: int


class TerminalPage(Schema):
    count: int
    next: str | None
    results: list[TerminalOut]


class AdmissionOut(Schema):
    """What opens a terminal: the ticket is the first message on the WebSocket, once, within seconds."""

    terminal: int
    ticket: str
    socket: str


@router.get("/containers/{name}/terminals/", auth=TERMINAL, response={200: TerminalPage, **ERRORS})
def list_terminals(request: ApiRequest, name: str, query: Query[Paged]) -> dict[str, Any]:
    """List the terminals that were opened in the container, newest first."""
    sight.container(name)
    return paginate(request, terminals.of_container(name), query.page, _export)


@router.post("/containers/{name}/terminals/", auth=TERMINAL, response={201: AdmissionOut, **ERRORS})
def open_terminal(request: ApiRequest, name: str, payload: TerminalBody | None = None) -> JsonResponse:
    """Ask for a terminal in the running container."""
    given = payload.model_dump(mode="json", exclude_none=True) if payload else {}
    return _answer(terminals.request(_actor(request), name, given), name)


@router.post("/containers/{name}/terminals/{int:number}/join/", auth=TERMINAL, response={201: AdmissionOut, **ERRORS})
def join_terminal(request: ApiRequest, name: str, number: int, payload: schemas.Nothing | None = None) -> JsonResponse:
    """Ask for another ticket to a terminal of one's own that is still open; whoever looked at it is let go."""
    return _answer(terminals.join(_actor(request), name, number), name)


@router.post("/containers/{name}/terminals/{int:number}/end/", auth=TERMINAL, response={204: None, **ERRORS})
def end_terminal(request: ApiRequest, name: str, number: int, payload: schemas.Nothing | None = None) -> HttpResponse:
    """End a terminal within seconds: one's own, or anybody's for an administrator."""
    terminals.end(_actor(request), name, number)
    return HttpResponse(status=204)


def _actor(request: ApiRequest) -> Actor:
    """The panel's own page asks here as well: by its session, not by a token."""
    return actor.of_request(request, request.auth, Via.API if "Authorization" in request.headers else Via.WEB)


def _answer(admission: Admission, name: str) -> JsonResponse:
    path = f"/api/v1/containers/{name}/terminals/socket/"
    return JsonResponse({"terminal": admission.terminal.pk, "ticket": admission.ticket, "socket": path}, status=201)


def _export(row: TerminalSession) -> dict[str, Any]:
    same = ("id", "via", "command", "started_at", "ended_at", "reason", "exit_code", "bytes_in", "bytes_out", "remote_address")
    return {key: getattr(row, key) for key in same} | {
        "container": row.container_name,
        "user": row.user_name,
        "uid": row.uid or None,
        "recorded": row.is_recorded,
        "ending": row.ending or None,
    }
