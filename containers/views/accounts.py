"""Who may do what, and why."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.choices import Right
from containers.domain.rights import RIGHTS, Scope
from containers.services import access
from containers.services.access import Holding
from containers.views.access import Request, require


@dataclass(frozen=True)
class Line:
    """Rights that come from one place and reach as far."""

    rights: str
    scope: Scope
    source: str


@dataclass(frozen=True)
class Account:
    user: User
    lines: list[Line]


@require_GET
@login_required
def rights_table(request: Request) -> HttpResponse:
    require(request, "users")
    accounts = [Account(user, _lines(held)) for user, held in access.everyone()]
    return render(request, "accounts/rights.html", {"section": "rights", "accounts": accounts})


def _lines(held: tuple[Holding, ...]) -> list[Line]:
    def place(one: Holding) -> tuple[str, Scope]:
        return one.source, one.scope

    ordered = sorted(held, key=lambda one: (*place(one), RIGHTS.index(one.right)))
    return [
        Line(", ".join(str(Right(one.right).label) for one in group), scope, source)
        for (source, scope), group in groupby(ordered, key=place)
    ]
