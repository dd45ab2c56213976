"""Who sends a request: by token, or by the session of a page that also proves that the page sent it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from ninja.security import APIKeyCookie, HttpBearer

from containers.choices import Via
from containers.errors import Forbidden
from containers.services import access, actor, sight, tokens
from containers.services.access import Right
from containers.services.following import Credential

LetIn = Callable[[User], None]


class ApiRequest(HttpRequest):
    """A request that has passed one of the checks below."""

    auth: User


class BearerToken(HttpBearer):
    """`Authorization: Bearer TOKEN`; the right is asked for before anything else of the request is read."""

    def __init__(self, let_in: LetIn) -> None:
        super().__init__()
        self._let_in = let_in

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        user = tokens.user_of(token, request.META.get("REMOTE_ADDR", ""))
        if user is not None:
            sight.look_as(user)
            self._let_in(user)
        return user


class CsrfCheck(CsrfViewMiddleware):
    """Django's check, saying why it fails where Django would make a page of it."""

    def _reject(self, request: HttpRequest, reason: str) -> NoReturn:
        raise Forbidden(f"The CSRF token is missing or wrong: {reason.removesuffix('.')}")


class SessionCookie(APIKeyCookie):
    """The panel's session; what changes something needs the CSRF token, too."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, let_in: LetIn) -> None:
        super().__init__(csrf=False)
        self._let_in = let_in

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
        self._let_in(request.user)
        return request.user


def check_csrf(request: HttpRequest) -> None:
    """Raise Forbidden unless the request changes nothing or was sent by one of our pages."""
    check = CsrfCheck(lambda request: HttpResponse())
    check.process_request(request)
    check.process_view(request, HttpResponse, (), {})


def credential_of(request: ApiRequest) -> Credential:
    """Return by what the request was let in, to be asked about again."""
    if "Authorization" in request.headers:
        token = tokens.digest_of(request.headers["Authorization"].partition(" ")[2])
        return Credential(request.auth.pk, token=token, sight=sight.of(request.auth))
    return Credential(request.auth.pk, session=request.session.session_key or "", sight=sight.of(request.auth))


def _somewhere(right: Right) -> tuple[BearerToken, SessionCookie]:
    def let_in(user: User) -> None:
        access.require_somewhere(user, right)

    return BearerToken(let_in), SessionCookie(let_in)


def _everywhere(right: Right) -> tuple[BearerToken, SessionCookie]:
    def let_in(user: User) -> None:
        access.require(user, right)

    return BearerToken(let_in), SessionCookie(let_in)


# What shows no more than who asks may see (`services.sight`), and what is about the host as a whole.
SEE: Final = _somewhere("view")
VIEW: Final = _everywhere("view")
# Who may do it on some container is let in; on which, the service that does it asks.
OPERATE: Final = _somewhere("operate")
EDIT: Final = _somewhere("edit")
EXECUTE: Final = _somewhere("execute")
DESTROY: Final = _somewhere("destroy")
TERMINAL: Final = _somewhere("terminal")
AUDIT: Final = _everywhere("audit")
IMAGES: Final = _everywhere("images")
INSTALL: Final = _everywhere("install")
USERS: Final = _everywhere("users")
# Who may do more than look; what exactly it takes depends on what is asked for.
ACT: Final = (BearerToken(access.require_act), SessionCookie(access.require_act))


def actor_of(request: ApiRequest) -> actor.Actor:
    return actor.of_request(request, request.auth, Via.API)
