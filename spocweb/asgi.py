"""The web process's entry: live events, WebSockets and large bodies are native async, everything else is WSGI on threads.

Django's own ASGI handler makes ordinary pages 1.4 to 2.5 times slower than its WSGI handler does.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final, cast

import django
from a2wsgi import WSGIMiddleware
from a2wsgi.asgi_typing import Receive, Scope, Send
from django.conf import settings

from spocweb import proxies
from spocweb.requests import AsgiHandler, WsgiHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spocweb.settings")

# Requests that one process serves side by side; each thread keeps a database connection.
THREADS: Final = 8
EVENTS: Final = "/api/v1/events/"

# Django and a2wsgi have different types for the same two interfaces.
django.setup(set_prefix=False)
_events: Any = AsgiHandler()
_wsgi: Any = WsgiHandler()
_pages = WSGIMiddleware(_wsgi, workers=THREADS)

# Loaded when Django is set up: what it imports has models.
_sockets: Any = import_module("containers.api.sockets").serve
_with_bodies: Any = import_module("containers.services.bodies").serve

# Loads the pages now, before gunicorn forks: its workers share them, and the first request does not wait.
import_module(settings.ROOT_URLCONF)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a request to the one of both handlers that it is for."""
    if scope["type"] != "lifespan":
        scope = cast("Scope", proxies.believed(cast("Any", scope), settings.TRUSTED_PROXIES))
    match scope["type"]:
        case "http" if scope["path"] == EVENTS:
            await _events(scope, receive, send)
        case "http":
            await _with_bodies(_pages, scope, receive, send)
        case "lifespan":
            await _lifespan(receive, send)
        case "websocket":
            await _sockets(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
