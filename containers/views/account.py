"""What somebody sets for himself: the language; light, dark or like the system; the columns of the list of containers."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from containers.services.entry import EVERYBODY
from containers.views import columns as list_columns
from containers.views.access import opens_to

THEMES = ("light", "dark")
COOKIE = "spocweb_theme"
YEAR_S = 365 * 86_400


@require_POST
@opens_to(EVERYBODY)
def theme(request: HttpRequest) -> HttpResponse:
    """For everybody, signed in or not: it only sets a cookie."""
    response = _back(request)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        # Not HttpOnly: the script that switches without loading the page anew writes it, too.
        response.set_cookie(COOKIE, chosen, max_age=YEAR_S, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
    return response


@require_POST
@opens_to(EVERYBODY)
def language(request: HttpRequest) -> HttpResponse:
    """For everybody, like the theme; what is no language of ours means the browser's."""
    response = _back(request)
    name, chosen = settings.LANGUAGE_COOKIE_NAME, request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(name, chosen, max_age=YEAR_S, samesite="Lax", secure=request.is_secure(), httponly=True)
    else:
        response.delete_cookie(name, samesite="Lax")
    return response


@require_POST
@opens_to(EVERYBODY)
def columns(request: HttpRequest) -> HttpResponse:
    """For everybody, like the theme; no column at all is a choice, too."""
    is_usual = "usual" in request.POST
    value = ".".join(list_columns.known(request.POST.getlist("column"))) or list_columns.NONE
    response = _back(request, columns="" if is_usual else value)
    if is_usual:
        response.delete_cookie(list_columns.COOKIE, samesite="Lax")
    else:
        response.set_cookie(list_columns.COOKIE, value, max_age=YEAR_S, samesite="Lax", secure=request.is_secure(), httponly=True)
    return response


def _back(request: HttpRequest, **changes: str) -> HttpResponse:
    """Return to the page that was left, or to the list if what is sent is no page of ours; `changes` go into its address."""
    target = request.POST.get("next", "")
    is_own = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return redirect(_with(target if is_own else reverse("container-list"), changes))


def _with(address: str, changes: dict[str, str]) -> str:
    path, _mark, query = address.partition("?")
    values = QueryDict(query, mutable=True)
    for key, value in changes.items():
        values.pop(key, None)
        if value:
            values[key] = value
    return f"{path}?{values.urlencode()}" if values else path


def chosen_language(request: HttpRequest) -> str:
    value = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return value if value in dict(settings.LANGUAGES) else ""


def chosen_theme(request: HttpRequest) -> str:
    value = request.COOKIES.get(COOKIE, "")
    return value if value in THEMES else ""
