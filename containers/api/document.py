"""The OpenAPI document, made once in each process: it depends on the code alone, and making it takes 175 ms."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

View = TypeVar("View", bound=Callable[..., Any])


def made_once(view: View) -> View:
    """Return ninja's view of the document, asked once; who has the document already is told so."""
    return cast("View", _Document(view))


class _Document:
    def __init__(self, view: Callable[..., HttpResponse]) -> None:
        self._view = view
        self._lock = Lock()
        self._made: tuple[bytes, str] | None = None

    def __call__(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase | None:
        content, etag = self._document(request)
        response = HttpResponse(content, content_type="application/json; charset=utf-8")
        response["ETag"] = etag
        # To be kept, but asked for: the next version has another one.
        response["Cache-Control"] = "no-cache"
        return get_conditional_response(request, etag=etag, response=response)

    def _document(self, request: HttpRequest) -> tuple[bytes, str]:
        with self._lock:
            if self._made is None:
                content = self._view(request).content
                self._made = (content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
            return self._made
