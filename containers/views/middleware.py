"""What all pages share on the way out: errors become pages, and nothing of a panel is kept by caches."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from containers.errors import SpocError

API = "/api/"


class PanelMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not request.path.startswith(API):
            # The same address answers with a page or a fragment of it.
            patch_vary_headers(response, ["HX-Request"])
            # Definitions and output may hold secrets, and a state from a cache would be a false one.
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, SpocError) or request.path.startswith(API):
            return None
        template = "errors/_note.html" if getattr(request, "htmx", False) else "errors/expected.html"
        return render(request, template, {"error": exception}, status=exception.status)
