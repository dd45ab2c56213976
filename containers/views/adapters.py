"""What django-allauth asks the project: who signs in and how it is recorded, how secrets are kept, what is called what."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.choices import Via
from containers.errors import InvalidRequest
from containers.services import accounts, actor, confirming, signing, vault

NOWHERE = "0.0.0.0"  # noqa: S104  what stands for no address, not what is listened on


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by root, sign in by name, and every sign-in is on record."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": gettext_lazy("That name and password do not go together."),
        "incorrect_password": gettext_lazy("That is not your password."),
        "enter_current_password": gettext_lazy("That is not your password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def clean_username(self, username: str, shallow: bool = False) -> str:  # noqa: FBT001, FBT002  allauth's way
        try:
            accounts.check_name(username)
        except InvalidRequest as error:
            raise ValidationError(str(error)) from error
        return super().clean_username(username, shallow=shallow)

    def get_client_ip(self, request: HttpRequest) -> str:
        return actor.of_request(request, request.user, Via.WEB).remote_address or NOWHERE

    def get_login_stages(self) -> list[str]:
        return ["containers.views.stages.FactorStage"]

    def is_reauthentication_required(self, *, app: str, **_more: Any) -> bool:
        return not confirming.is_recent(context.request)

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, str]]:
        """In words of ours; the first is what is asked for."""
        found: list[dict[str, str]] = super().get_reauthentication_methods(user)
        if user.is_authenticated and not found:
            return [_anew()]
        return [{**one, "description": _words(one["id"])} for one in found]

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return redirect(settings.LOGIN_URL)

    def login(self, request: HttpRequest, user: User) -> None:
        # Who cannot be recorded does not come in.
        with transaction.atomic():
            signing.record_success(actor.of_request(request, user, Via.WEB), _methods(request, user))
            super().login(request, user)


class FactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are sealed like all others."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": gettext_lazy("That did not fit. Try again with a new code."),
    }

    def encrypt(self, text: str) -> str:
        return vault.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return vault.open(encrypted_text)

    def get_totp_label(self, user: User) -> str:
        return user.get_username()

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002  allauth's name
        count = Authenticator.objects.filter(user=user, type=type).count()
        return _("Passkey %(number)s") % {"number": count + 1}


def _anew() -> dict[str, str]:
    """Return the only way that is left to who has neither password nor second factor: signing in again."""
    if settings.OIDC:
        return {"id": "provider", "description": settings.OIDC.name, "url": reverse("confirm-provider")}
    return {"id": "anew", "description": _("Sign in again"), "url": reverse("confirm-anew")}


def _words(way: str) -> str:
    words = {"reauthenticate": _("With the password"), "mfa_reauthenticate": _("With a code")}
    return words.get(way) or _("With a passkey")


def _methods(request: HttpRequest, user: User) -> list[str]:
    """Return what was shown on the way in: "password", "totp", "recovery_codes", "webauthn", or the provider that knows him."""
    records = get_authentication_records(request, user)
    return [str(one.get("type") or one.get("provider") or one.get("method", "")) for one in records]
