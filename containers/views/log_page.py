"""The console log of one container: its end, a search, and what is new for a page that follows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from containers.forms.queries import LogQuery
from containers.services import logs
from containers.services.entry import SEE
from containers.services.logs import Piece
from containers.views.access import Request, get_container, opens_to
from containers.views.page import ContainerPage

LENGTHS: Final = (200, 1_000, logs.MOST_LINES)


@dataclass(frozen=True)
class LogPage:
    query: LogQuery
    piece: Piece

    @property
    def lines(self) -> list[SafeString]:
        return _marked(self.piece.lines, self.query.search)

    @property
    def rest(self) -> SafeString:
        return _marked([self.piece.rest], self.query.search)[0]

    @property
    def is_empty(self) -> bool:
        return not self.piece.lines and not self.piece.rest

    @property
    def is_full(self) -> bool:
        """Whether there may be earlier lines."""
        return len(self.piece.lines) >= self.query.lines

    lengths = LENGTHS


@require_GET
@opens_to(SEE)
def log(request: Request, name: str) -> HttpResponse:
    container = get_container(request, name, "view")
    query = LogQuery.of(request.GET, LENGTHS)
    if "download" in request.GET:
        return _download(name)
    if query.after is not None:
        return _new(logs.after(name, query.after, query.search), query)
    context: dict[str, Any] = {"log": LogPage(query, logs.last(name, query.lines, query.search)), "query": query}
    return render(request, "containers/log.html", ContainerPage.load(request, container, "log").context | context)


def _new(piece: Piece, query: LogQuery) -> JsonResponse:
    """What a page that follows asks for again and again; as HTML, since what was searched for is marked."""
    answer = {
        "lines": _marked(piece.lines[-query.lines :], query.search),
        "rest": _marked([piece.rest], query.search)[0],
        "position": piece.position,
        "is_new": piece.is_new,
    }
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _download(name: str) -> HttpResponse:
    # A container's name is made of letters, digits and "-" only.
    headers = {"Content-Disposition": f'attachment; filename="{name}.log"'}
    return HttpResponse(logs.tail(name, logs.MOST_BYTES), content_type="text/plain; charset=utf-8", headers=headers)


def _marked(lines: Iterable[str], search: str) -> list[SafeString]:
    """Return lines as HTML, with what was searched for in <mark>."""
    if not search:
        return [SafeString(escape(line)) for line in lines]
    # A capture group: every second part is a match.
    parts = re.compile(f"({re.escape(search)})", re.IGNORECASE)
    return [
        SafeString(
            "".join(
                f"<mark>{escape(part)}</mark>" if number % 2 else escape(part) for number, part in enumerate(parts.split(line))
            )
        )
        for line in lines
    ]
