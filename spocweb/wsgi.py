"""Pages and API for a WSGI server; spocweb.asgi runs it on threads."""

from __future__ import annotations

import os

import django

from spocweb.requests import WsgiHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spocweb.settings")

django.setup(set_prefix=False)
application = WsgiHandler()
