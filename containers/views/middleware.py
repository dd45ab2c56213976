"""What all pages share on the way out: errors become pages, and nothing of a panel is kept by caches."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render, resolve_url
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from containers.choices import Via
from containers.errors import SpocError, TooLarge
from containers.services import actor, refusals, sight, uploads
from containers.services.access import Refused

API = "/api/"
CONFIRM = "/confirm/"
# A request for a part of a page says in it which language the page is in.
PAGE_LANGUAGE = "Page-Language"
LANGUAGES = frozenset(code for code, _name in settings.LANGUAGES)
ZONE_COOKIE = "spocweb_zone"
ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}", re.ASCII)


class CompressionMiddleware(GZipMiddleware):
    """Compresses pages and answers of the API: a list of a thousand containers is 1.9 MB without.

    What a length may tell of a secret in a compressed answer (BREACH) takes many requests with the victim's cookie and text
    of the attacker's choice in them. The cookie goes with no request that another site makes (SameSite=Lax, no frames); a
    CSRF token is another one each time (Django masks it); Django adds bytes of a random number.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        # Live events and files would wait in the compressor.
        return response if response.streaming else super().process_response(request, response)


class RequestIdMiddleware:
    """Gives every request a number of its own, which stands in what is recorded of it and in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Never the client's: two requests with one number would be taken for one.
        request_id = uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class LanguageMiddleware:
    """Writes pages in the language that somebody chose (views.account), else in the first of the browser's that there is.

    What changes a part of a page names the language of that page, so that a choice made in another tab mixes no two.
    The API and what is put on record are English: a record is read by others than who caused it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = language_of(request)
        with translation.override(language):
            response = self.get_response(request)
        if not request.path.startswith(API):
            patch_vary_headers(response, ["Accept-Language", "Cookie", PAGE_LANGUAGE])
            response.headers.setdefault("Content-Language", language)
        return response


def language_of(request: HttpRequest) -> str:
    if request.path.startswith(API):
        return settings.LANGUAGE_CODE
    page = request.headers.get(PAGE_LANGUAGE, "")
    return page if page in LANGUAGES else translation.get_language_from_request(request)


class ZoneMiddleware:
    """Writes the times of pages in the zone of the browser, which a script has put into a cookie; else in the panel's own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        zone = None if request.path.startswith(API) else zone_of(request.COOKIES.get(ZONE_COOKIE, ""))
        if zone is None:
            return self.get_response(request)
        with timezone.override(zone):
            return self.get_response(request)


@lru_cache(maxsize=500)
def zone_of(name: str) -> ZoneInfo | None:
    """Return the zone called `name`; None for what is none, whatever a browser may send."""
    try:
        return ZoneInfo(name) if ZONE_NAME.fullmatch(name) else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


class SightMiddleware:
    """Restricts what a request reads to what its user may see (`services.sight`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with sight.looking_as(lambda: request.user):
            return self.get_response(request)


class UploadMiddleware:
    """Django reads a page's form, files and all, before the view is asked: from who is signed in alone, and where there is room.

    The API reads a form after it knows who asks (`api.uploads`).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        if request.path.startswith(API) or not uploads.is_large(request):
            return None
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        try:
            uploads.require_room(request)
        except TooLarge as error:
            return _expected(request, error)
        return None


class PanelMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if _asks_to_sign_in(request, response):
            # Into a fragment's place a sign-in page would not fit: the page as a whole is asked for again.
            response = HttpResponseClientRefresh()
        elif _leads_elsewhere(request, response):
            response = HttpResponseClientRedirect(response.headers["Location"])
        if not request.path.startswith(API):
            # The same address answers with a page or a fragment of it.
            patch_vary_headers(response, ["HX-Request"])
            # Definitions and output may hold secrets, and a state from a cache would be a false one.
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, SpocError) or request.path.startswith(API):
            return None
        if isinstance(exception, Refused):
            refusals.record(actor.of_request(request, request.user, Via.WEB), exception, request.path)
        return _expected(request, exception)


def _expected(request: HttpRequest, error: SpocError) -> HttpResponse:
    template = "errors/_note.html" if getattr(request, "htmx", False) else "errors/expected.html"
    return render(request, template, {"error": error}, status=error.status)


def _leads_elsewhere(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the answer to a dialog or another part of a page is the way to a page: it would be put in the part's place."""
    location = response.headers.get("Location", "")
    return bool(getattr(request, "htmx", False) and location) and (request.method == "POST" or location.startswith(CONFIRM))


def _asks_to_sign_in(request: HttpRequest, response: HttpResponseBase) -> bool:
    location = response.headers.get("Location", "")
    return bool(getattr(request, "htmx", False)) and location.startswith(resolve_url(settings.LOGIN_URL))
