"""Passkeys and security keys (WebAuthn): added, removed, and shown instead of a password or a code.

The browser's part is `static/js/passkey.js`; without script there are none, and everything else works.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm, LoginWebAuthnForm, ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.views import AddWebAuthnView, LoginWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from containers.choices import Via
from containers.errors import Conflict
from containers.services import actor, factors, signing
from containers.views.access import actor_of
from containers.views.codes import check_pace, whose
from containers.views.personal import HOME, Personal, record_added

PASSKEY = "passkey"
# The sign-in page's session is good for no longer, whoever asks for a thousand of them.
CHALLENGE_S = 300


class SignInPasskeyForm(AuthenticateWebAuthnForm):
    """The second step of a sign-in."""

    def clean_credential(self) -> Authenticator:
        check_pace(self.user)
        try:
            return super().clean_credential()
        except ValidationError:
            signing.record_failure(whose(self.user), self.user.get_username(), PASSKEY)
            raise


class OnlyPasskeyForm(LoginWebAuthnForm):
    """A sign-in without a name: the key says whose it is."""

    def clean_credential(self) -> Authenticator:
        asking = actor.of_request(context.request, context.request.user, Via.WEB)
        try:
            signing.check_pace(asking, PASSKEY)
            return super().clean_credential()
        except Conflict as error:
            raise ValidationError(str(error), code="pace") from error
        except ValidationError:
            signing.record_failure(asking, PASSKEY, PASSKEY)
            raise


class ConfirmPasskeyForm(ReauthenticateWebAuthnForm):
    def clean_credential(self) -> Authenticator:
        check_pace(self.user)
        try:
            return super().clean_credential()
        except ValidationError:
            signing.record_doubt(whose(self.user), PASSKEY)
            raise


class SignInPasskey(LoginWebAuthnView):
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().get(request, *args, **kwargs)
        if request.session.modified and not isinstance(request.user, User):
            request.session.set_expiry(CHALLENGE_S)
        return response

    def get_form_class(self) -> type[OnlyPasskeyForm]:
        return OnlyPasskeyForm

    def form_valid(self, form: OnlyPasskeyForm) -> HttpResponse:
        # Back to what a session usually lives for.
        self.request.session.set_expiry(None)
        return super().form_valid(form)


class AddPasskey(Personal, AddWebAuthnView):
    template_name = "account/passkey_add.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"has_name": _has_name(self.request), "form": self.get_form()}

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
            record_added(self.request, Authenticator.Type.WEBAUTHN, codes=self.did_generate_recovery_codes)
        messages.success(self.request, _("The passkey was added."))
        return response


class RemovePasskey(Personal, RemoveWebAuthnView):
    template_name = "account/factor_remove.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"passkey": self.object.wrap().name}

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            factors.record_removed(actor_of(self.request), self.request.user, self.object)
            super().form_valid(form)
        messages.success(self.request, _("The passkey was removed."))
        return redirect(HOME)


class ConfirmPasskey(ReauthenticateWebAuthnView):
    template_name = "account/confirm_passkey.html"

    def get_form_class(self) -> type[ConfirmPasskeyForm]:
        return ConfirmPasskeyForm

    def form_invalid(self, form: ConfirmPasskeyForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form) | {"form": form})

    def form_valid(self, form: ConfirmPasskeyForm) -> HttpResponse:
        signing.record_confirmation(whose(self.request.user), Authenticator.Type.WEBAUTHN)
        return super().form_valid(form)


def _has_name(request: HttpRequest) -> bool:
    """Whether the panel is open by a name: browsers keep no passkey for an address."""
    host = split_domain_port(request.get_host())[0]
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return True
    return False


sign_in = SignInPasskey.as_view()
add = AddPasskey.as_view()
remove = RemovePasskey.as_view()
confirm = ConfirmPasskey.as_view()
