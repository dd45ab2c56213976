"""Pages for requests that no view answers.

Django's own look at the form of the request first, for a token that these pages have no use for: a form that cannot be read
would make a server error of what was a wrong address.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what cannot be read, or came to another host."""
    return render(request, "400.html", status=400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address of nothing."""
    return render(request, "404.html", status=404)
