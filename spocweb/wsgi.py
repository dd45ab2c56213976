"""Pages and API for a WSGI server; spocweb.asgi runs it on threads."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spocweb.settings")

application = get_wsgi_application()
