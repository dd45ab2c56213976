"""Django's two handlers, with requests that are UTF-8 whatever they call themselves.

Django takes any of Python's codecs for a request's `charset`. Some of them, idna and punycode, raise where it counts on them to
replace what cannot be read, before anything answers for errors: a header alone would be a server error.
"""

from __future__ import annotations

from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

__all__ = ["AsgiHandler", "WsgiHandler"]


def _content_type(meta: dict[str, Any]) -> tuple[str, dict[str, str]]:
    try:
        return parse_header_parameters(meta.get("CONTENT_TYPE", ""))
    except ValueError:
        # Longer than Django reads: it is of no type that anything here takes.
        return "", {}


class _WsgiRequest(WSGIRequest):
    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = _content_type(meta)


class _AsgiRequest(ASGIRequest):
    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = _content_type(meta)


class WsgiHandler(WSGIHandler):
    """Pages and the API."""

    request_class = _WsgiRequest


class AsgiHandler(ASGIHandler):
    """Live events."""

    request_class = _AsgiRequest
