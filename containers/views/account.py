"""What somebody sets for himself: light, dark, or like the system."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

THEMES = ("light", "dark")
COOKIE = "spocweb_theme"
YEAR_S = 365 * 86_400


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """For everybody, signed in or not: it only sets a cookie."""
    target = request.POST.get("next", "")
    is_own = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    response = redirect(target if is_own else "container-list")
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        # Not HttpOnly: the script that switches without loading the page anew writes it, too.
        response.set_cookie(COOKIE, chosen, max_age=YEAR_S, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
    return response


def chosen_theme(request: HttpRequest) -> str:
    value = request.COOKIES.get(COOKIE, "")
    return value if value in THEMES else ""
