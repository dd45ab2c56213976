"""Counts the queries of requests, in a process of its own: python -m bench.queries SESSION TOKEN PATH..."""

from __future__ import annotations

import json
import sys

import django


def main(session: str, token: str, paths: list[str]) -> None:
    """Print {path: queries} of the first request for each, which no cache has seen."""
    django.setup()
    # Only after the set-up.
    from django.conf import settings
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    counts = {}
    for path in paths:
        cache.clear()
        client = Client(SERVER_NAME="127.0.0.1")
        if path.startswith("/api/"):
            client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        else:
            client.cookies[settings.SESSION_COOKIE_NAME] = session
        with CaptureQueriesContext(connection) as queries:
            response = client.get(path)
        if response.status_code != 200:
            raise RuntimeError(f"{path} was answered with {response.status_code}")
        counts[path] = len(queries)
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
