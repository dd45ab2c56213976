"""Codes of an authenticator app and recovery codes: as the second step of a sign-in, and to confirm who it is.

Wrong ones count like wrong passwords.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.forms import ReauthenticateForm as PasswordForm
from allauth.account.views import ReauthenticateView as PasswordView
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.views import AuthenticateView, ReauthenticateView
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string

from containers.choices import Via
from containers.errors import Conflict
from containers.services import actor, factors, signing
from containers.services.actor import Actor

CODE = "code"


def whose(user: User) -> Actor:
    """Return who sends the request that is being answered: `user`, who need not be signed in yet."""
    return actor.of_request(context.request, user, Via.WEB)


def check_pace(user: User) -> None:
    """Raise ValidationError where there were too many wrong answers."""
    try:
        signing.check_pace(whose(user), user.get_username(), factor=True)
    except Conflict as error:
        raise ValidationError(str(error), code="pace") from error


@contextmanager
def _guess(user: User, refused: Callable[[], None]) -> Iterator[None]:
    """Look at a code: what uses it up, and what is recorded of it, go together; `refused` puts a wrong one on record."""
    check_pace(user)
    try:
        with transaction.atomic():
            yield
    except ValidationError:
        refused()
        raise


class SignInCodeForm(AuthenticateForm):
    """The second step of a sign-in."""

    def clean_code(self) -> str:
        with _guess(self.user, lambda: signing.record_failure(whose(self.user), self.user.get_username(), CODE)):
            code: str = super().clean_code()
            take(self.user, self.authenticator, code)
        return code


class ConfirmCodeForm(ReauthenticateForm):
    """Who is signed in shows it again by a code."""

    def clean_code(self) -> str:
        with _guess(self.user, lambda: signing.record_doubt(whose(self.user), CODE)):
            code: str = super().clean_code()
            take(self.user, self.authenticator, code)
        return code


class ConfirmPasswordForm(PasswordForm):
    """Who is signed in shows it again by the password."""

    password = forms.CharField(strip=False)

    def clean_password(self) -> str:
        check_pace(self.user)
        try:
            password: str = super().clean_password()
        except ValidationError:
            signing.record_doubt(whose(self.user))
            raise
        return password


def take(user: User, factor: Any, code: str) -> None:
    if not factors.use(whose(user), factor, code):
        raise get_adapter().validation_error("incorrect_code")


class SignInCodeView(AuthenticateView):
    template_name = "account/code.html"

    def get_form_class(self) -> type[SignInCodeForm]:
        return SignInCodeForm

    def get_webauthn_form_class(self) -> type[forms.Form]:
        return import_string("containers.views.passkeys.SignInPasskeyForm")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kinds = set(Authenticator.objects.filter(user=self.stage.login.user).values_list("type", flat=True))
        return super().get_context_data(**kwargs) | {"kinds": kinds}


class ConfirmCodeView(ReauthenticateView):
    template_name = "account/confirm_code.html"

    def get_form_class(self) -> type[ConfirmCodeForm]:
        return ConfirmCodeForm

    def form_valid(self, form: ConfirmCodeForm) -> HttpResponse:
        signing.record_confirmation(whose(self.request.user), str(form.authenticator.type))
        return super().form_valid(form)


class ConfirmPasswordView(PasswordView):
    template_name = "account/confirm.html"

    def get_form_class(self) -> type[ConfirmPasswordForm]:
        return ConfirmPasswordForm

    def form_valid(self, form: ConfirmPasswordForm) -> HttpResponse:
        signing.record_confirmation(whose(self.request.user), "password")
        return super().form_valid(form)


def confirm_anew(request: HttpRequest) -> HttpResponse:
    """Where somebody without password and second factor goes: signing in again is the only way that is left."""
    return render(request, "account/confirm_anew.html", {"next": request.GET.get("next", "")})


sign_in_code = SignInCodeView.as_view()
confirm_code = ConfirmCodeView.as_view()
confirm_password = ConfirmPasswordView.as_view()
