"""What is done to one account on its page: switched on and off, given roles, rights, another password; removed."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from containers.errors import InvalidRequest, SpocError
from containers.forms.accounts import GrantForm, PasswordForm
from containers.forms.confirm import ConfirmForm
from containers.services import accounts, roles
from containers.services.entry import USERS
from containers.services.roles import Given
from containers.views.access import Request, actor_of, opens_to
from containers.views.accounts import Made, page_of
from containers.views.confirming import require_recent
from containers.views.security import say_ended


@require_POST
@opens_to(USERS)
def switch(request: Request, number: int) -> HttpResponse:
    user = _account(request, number)
    active = request.POST.get("active") == "true"
    try:
        accounts.set_active(actor_of(request), user, active=active)
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
    return redirect("account-detail", number)


@require_POST
@opens_to(USERS)
def set_roles(request: Request, number: int) -> HttpResponse:
    """All roles that are ticked, and no other."""
    user = _account(request, number)
    try:
        roles.set_roles(actor_of(request), user, request.POST.getlist("role"))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
    else:
        messages.success(request, _("The roles are saved."))
    return redirect("account-detail", number)


@require_POST
@opens_to(USERS)
def give(request: Request, number: int) -> HttpResponse:
    user = _account(request, number)
    form = GrantForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            roles.give(actor_of(request), user, Given.parse(data["right"], data["pattern"], data["app"]))
        except InvalidRequest as error:
            form.refuse(error)
    if form.errors:
        return page_of(request, user, status=422, grant_form=form)
    return redirect("account-detail", number)


@require_POST
@opens_to(USERS)
def take(request: Request, number: int, grant: int) -> HttpResponse:
    """Take a right that was given in person; one that is gone already is no error."""
    user = _account(request, number)
    row = next((one for one in user.grants.all() if one.pk == grant), None)
    try:
        if row is not None:
            roles.take(actor_of(request), user, Given.of(row))
    except SpocError as error:
        messages.error(request, str(error), extra_tags="bad")
    return redirect("account-detail", number)


@require_POST
@opens_to(USERS)
@sensitive_variables("password", "made")
def set_password(request: Request, number: int) -> HttpResponse:
    user = _account(request, number)
    form = PasswordForm(request.POST)
    made = None
    if form.is_valid():
        try:
            password = accounts.set_password(actor_of(request), user, form.cleaned_data["password"])
            made = Made(user, password)
        except InvalidRequest as error:
            form.refuse(error)
    if form.errors:
        return page_of(request, user, status=422, password_form=form)
    return page_of(request, user, made=made)


@require_POST
@opens_to(USERS)
def end_sessions(request: Request, number: int) -> HttpResponse:
    """One session, or all but the one that asks."""
    user = _account(request, number)
    key = request.session.session_key or ""
    say_ended(request, accounts.end_sessions(actor_of(request), user, request.POST.get("session", ""), keep=key))
    return redirect("account-detail", number)


@require_http_methods(["GET", "POST"])
@opens_to(USERS)
def remove(request: Request, number: int) -> HttpResponse:
    user = _account(request, number)
    form = ConfirmForm(request.POST if request.method == "POST" else None, name=user.get_username())
    if form.is_bound and form.is_valid():
        try:
            accounts.remove(actor_of(request), user)
        except SpocError as error:
            messages.error(request, str(error), extra_tags="bad")
            return redirect("account-detail", number)
        messages.success(request, _("The account %(name)s is removed.") % {"name": form.name})
        return redirect("account-list")
    template = "accounts/_remove.html" if request.htmx else "accounts/remove.html"
    context = {"section": "accounts", "person": user, "form": form}
    return render(request, template, context, status=422 if form.errors else 200)


def _account(request: Request, number: int) -> User:
    """Return the account that is to be changed, for who has shown lately who he is."""
    user = accounts.get_numbered(number)
    require_recent(request)
    return user
