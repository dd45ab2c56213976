"""How jobs reach what is outside of the host: by which proxies."""

from __future__ import annotations

from django.conf import settings


def proxies() -> dict[str, str]:
    """Return the environment that tells programs which proxies to use; empty without any.

    In lower case: what curl and Go do not read in upper case, they read so.
    """
    given = {"http_proxy": settings.HTTP_PROXY, "https_proxy": settings.HTTPS_PROXY, "no_proxy": settings.NO_PROXY}
    return {key: value for key, value in given.items() if value}
