"""Whether who sends a request has shown lately who it is.

A session may be somebody else's by now: a browser left open, a cookie that was stolen. What cannot be undone, and what changes
who may come in, takes a sign-in or a confirmation within settings.ACCOUNT_REAUTHENTICATION_TIMEOUT.
"""

from __future__ import annotations

import time

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest


def is_recent(request: HttpRequest) -> bool:
    """Return whether the session of `request` has a sign-in or a confirmation of its user within the last minutes."""
    shown = [float(one.get("at", 0)) for one in get_authentication_records(request, request.user)]
    return bool(shown) and 0 <= time.time() - max(shown) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
