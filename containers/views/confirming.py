"""Asking again who it is, before what cannot be undone and what changes who may come in (`services.confirming`)."""

from __future__ import annotations

from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest

from containers.services.confirming import is_recent


def require_recent(request: HttpRequest) -> None:
    """Send who has not shown lately who it is to the page that asks, and from there on to where he was going.

    Called after the question for rights: who may not do a thing learns that first.
    """
    if not is_recent(request):
        raise ReauthenticationRequired
