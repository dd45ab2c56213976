"""Accounts, for who administers them: all of them, one with what it may do, and the table of who may do what and why."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods

from containers.choices import Right
from containers.domain.rights import RIGHTS, Scope
from containers.errors import InvalidRequest
from containers.forms.accounts import AccountForm, GrantForm, PasswordForm
from containers.services import access, accounts, factors, roles, signed_in, tokens
from containers.services.access import Holding
from containers.services.entry import USERS
from containers.views.access import Request, actor_of, opens_to
from containers.views.confirming import require_recent
from containers.views.token_rows import shown

PAGE_SIZE = 100
_FACTORS = {"totp": _("authenticator app"), "webauthn": _("passkey")}


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


@dataclass(frozen=True)
class Made:
    """An account whose password was made: it is in the answer to the form, and nowhere else."""

    user: User
    password: str


@require_http_methods(["GET", "POST"])
@opens_to(USERS)
@sensitive_variables("made")
def account_list(request: Request) -> HttpResponse:
    if request.method == "POST":
        require_recent(request)
    form = AccountForm(request.POST if request.method == "POST" else None)
    made = _make(request, form) if form.is_bound and form.is_valid() else None
    page = Paginator(accounts.every(), PAGE_SIZE).get_page(request.GET.get("page", "1"))
    context = {
        "section": "accounts",
        "page": page,
        "accounts": page.object_list,
        "form": AccountForm() if made else form,
        "made": made,
    }
    return render(request, "accounts/list.html", context, status=422 if form.errors else 201 if made else 200)


@require_GET
@opens_to(USERS)
def account_detail(request: Request, number: int) -> HttpResponse:
    return page_of(request, accounts.get_numbered(number))


@require_GET
@opens_to(USERS)
def rights_table(request: Request) -> HttpResponse:
    found = [Account(user, _lines(held)) for user, held in access.everyone()]
    return render(request, "accounts/rights.html", {"section": "accounts", "accounts": found})


def page_of(request: Request, user: User, *, status: int = 200, **more: Any) -> HttpResponse:
    """Return the page of one account, with a form that was not in order, or a password that was made, in `more`."""
    has = {group.name for group in user.groups.all()}
    names = Group.objects.order_by("name").values_list("name", flat=True)
    context = {
        "section": "accounts",
        "account": Account(user, _lines(access.holdings(user))),
        "is_own": user == request.user,
        "roles": [(name, name in has) for name in names],
        "grants": user.grants.all(),
        "tokens": shown(tokens.of(user)),
        "sessions": signed_in.of(user),
        "this_session": request.session.session_key,
        "factors": [_FACTORS[kind] for kind in factors.kinds(user)],
        "grant_form": GrantForm(),
        "password_form": PasswordForm(),
    }
    return render(request, "accounts/detail.html", {**context, **more}, status=status)


def _make(request: Request, form: AccountForm) -> Made | None:
    """Return the account that was made, or None with the reasons in the form."""
    data = form.cleaned_data
    try:
        with transaction.atomic():
            user, password = accounts.create(actor_of(request), data["name"], data["password"])
            if data["role"]:
                roles.give_role(actor_of(request), user, data["role"])
    except InvalidRequest as error:
        form.refuse(error)
        return None
    return Made(user, password)


def _lines(held: tuple[Holding, ...]) -> list[Line]:
    def place(one: Holding) -> tuple[str, Scope]:
        return one.source, one.scope

    ordered = sorted(held, key=lambda one: (*place(one), RIGHTS.index(one.right)))
    return [
        Line(", ".join(str(Right(one.right).label) for one in group), scope, source)
        for (source, scope), group in groupby(ordered, key=place)
    ]
