"""Signing in with an identity provider by OpenID Connect, where settings name one (SPOCWEB_OIDC_*).

Whoever the provider knows gets an account, and an account has no rights until somebody gives it some. Nobody is taken for an
account that exists already because of a name or a mail address: the provider's own number for him is all that counts.
"""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.openid_connect import views
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.choices import EventKind, Via
from containers.errors import Malformed
from containers.services import actor, audit, signing

PROVIDER = "oidc"
NAME = settings.OIDC.name if settings.OIDC else ""


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Makes accounts, on record; says no where anything is wrong."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            about = {"provider": NAME, "number": str(sociallogin.account.uid)}
            audit.record(actor.of_request(request, user, Via.WEB), EventKind.USER_CREATE, user.get_username(), about)
        return user

    def on_authentication_error(self, request: HttpRequest, provider: Any, *args: Any, **kwargs: Any) -> None:
        signing.record_failure(actor.of_request(request, request.user, Via.WEB), PROVIDER, PROVIDER)
        messages.error(request, _("The identity provider did not let you in."), extra_tags="bad")
        raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))

    def get_requests_session(self) -> Any:
        session = super().get_requests_session()
        # As everything that is fetched: by the settings' proxies, and no others.
        session.trust_env = False
        session.proxies = {scheme: url for scheme, url in (("http", settings.HTTP_PROXY), ("https", settings.HTTPS_PROXY)) if url}
        return session


@require_POST
def sign_in(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Sends the browser to the provider; by POST, so that no other site can begin it."""
    if "process" in request.GET or "process" in request.POST:
        raise Malformed("The identity provider is for signing in, nothing else")
    return views.login(request, provider_id)


@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    return views.callback(request, provider_id)


@require_GET
def confirm(request: HttpRequest) -> HttpResponse:
    """Where somebody without password and second factor confirms who he is: by signing in with the provider anew."""
    return render(request, "account/confirm_provider.html", {"provider": NAME, "next": request.GET.get("next", "")})
