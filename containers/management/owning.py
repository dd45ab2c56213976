"""Being the owner of the database's tables, for as long as it takes to change their form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from containers.services.grants import quoted


@contextmanager
def as_owner() -> Iterator[None]:
    """Take the role SPOCWEB_DATABASE_OWNER on this process' connection; nothing where none is set."""
    if not settings.DATABASE_OWNER or connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {quoted(settings.DATABASE_OWNER)}")
    try:
        yield
    finally:
        # Another connection is somebody else again.
        connection.close()
