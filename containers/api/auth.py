"""Who sends a request: by token, or by the session of a page that also proves that the page sent it."""

from __future__ import annotations

from typing import Final, NoReturn

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from ninja.security import APIKeyCookie, HttpBearer

from containers.choices import Via
from containers.errors import Forbidden
from containers.services import actor, confirming, entry, sight, tokens
from containers.services.entry import Entry
from containers.services.following import Credential


class ApiRequest(HttpRequest):
    """A request that has passed one of the checks below."""

    auth: User


class BearerToken(HttpBearer):
    """`Authorization: Bearer TOKEN`; the right is asked for before anything else of the request is read."""

    def __init__(self, who: Entry) -> None:
        super().__init__()
        self.entry = who

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        user = tokens.user_of(token, request.META.get("REMOTE_ADDR", ""))
        if user is not None:
            sight.look_as(user)
            self.entry.require(user)
        return user


class CsrfCheck(CsrfViewMiddleware):
    """Django's check, saying why it fails where Django would make a page of it."""

    def _reject(self, request: HttpRequest, reason: str) -> NoReturn:
        raise Forbidden(f"The CSRF token is missing or wrong: {reason.removesuffix('.')}")


class SessionCookie(APIKeyCookie):
    """The panel's session; what changes something needs the CSRF token, too."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, who: Entry) -> None:
        super().__init__(csrf=False)
        self.entry = who

    def __call__(self, request: HttpRequest) -> User | None:
        # Nobody's request is answered "who are you?", not "where is your CSRF token?"; a wrong token is not
        # made good by a cookie.
        if "Authorization" in request.headers or not isinstance(request.user, User):
            return None
        user = self.authenticate(request, None)
        # After the right: Django's check reads a form as a whole, uploads included.
        check_csrf(request)
        return user

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        if not isinstance(request.user, User):
            return None
        self.entry.require(request.user)
        return request.user


def check_csrf(request: HttpRequest) -> None:
    """Raise Forbidden unless the request changes nothing or was sent by one of our pages."""
    check = CsrfCheck(lambda request: HttpResponse())
    check.process_request(request)
    check.process_view(request, HttpResponse, (), {})


def require_recent(request: ApiRequest) -> None:
    """Raise Forbidden where a page's session asks for what cannot be undone, and nobody has shown lately who it is.

    Pages ask (`views.confirming`); a token is its own proof.
    """
    if "Authorization" not in request.headers and not confirming.is_recent(request):
        raise Forbidden("Confirm again who you are", resolution="Sign in again, or confirm it on the page /confirm/")


def credential_of(request: ApiRequest) -> Credential:
    """Return by what the request was let in, to be asked about again."""
    if "Authorization" in request.headers:
        token = tokens.digest_of(request.headers["Authorization"].partition(" ")[2])
        return Credential(request.auth.pk, token=token, sight=sight.of(request.auth))
    return Credential(request.auth.pk, session=request.session.session_key or "", sight=sight.of(request.auth))


def _auth(who: Entry) -> tuple[BearerToken, SessionCookie]:
    return BearerToken(who), SessionCookie(who)


SEE: Final = _auth(entry.SEE)
VIEW: Final = _auth(entry.VIEW)
OPERATE: Final = _auth(entry.OPERATE)
EDIT: Final = _auth(entry.EDIT)
EXECUTE: Final = _auth(entry.EXECUTE)
DESTROY: Final = _auth(entry.DESTROY)
TERMINAL: Final = _auth(entry.TERMINAL)
AUDIT: Final = _auth(entry.AUDIT)
IMAGES: Final = _auth(entry.IMAGES)
INSTALL: Final = _auth(entry.INSTALL)
USERS: Final = _auth(entry.USERS)
ACT: Final = _auth(entry.ACT)


def actor_of(request: ApiRequest) -> actor.Actor:
    return actor.of_request(request, request.auth, Via.API)
