"""What the panel's two sides may do in a PostgreSQL database, table by table: the one place that says so.

The tables belong to a role that nobody connects as. The web process has a role of its own with what its rule says; so have
root's processes, with everything but the ownership: nobody who connects can drop a trigger or change a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from django.apps import apps

from containers.errors import InvalidRequest

READ: Final = ("SELECT",)
APPEND: Final = ("SELECT", "INSERT")
WRITE: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")

# What the web process gets of tables that are not simply written by it; every table of a new model is, unless it is named here.
WEB: Final[Mapping[str, tuple[str, ...]]] = {
    # The audit trail grows, and is thinned out by root alone, who signs what went.
    "containers_event": APPEND,
    "containers_eventgap": READ,
    # What commands printed, and what was measured: written by root's processes.
    "containers_line": READ,
    "containers_sample": READ,
    # What the code says, not its users.
    "django_migrations": READ,
    "django_content_type": READ,
    "auth_permission": READ,
}
ROOT: Final[Mapping[str, tuple[str, ...]]] = {"containers_event": ("SELECT", "INSERT", "DELETE"), "django_migrations": READ}


def tables() -> list[str]:
    """Return the names of all tables that the panel has."""
    models = apps.get_models(include_auto_created=True)
    managed = (model._meta.db_table for model in models if model._meta.managed and not model._meta.proxy)
    return sorted({"django_migrations", *managed})


def statements(web: str, root: str) -> list[str]:
    """Return what gives the roles `web` and `root` their rights, and takes all others. Raises InvalidRequest.

    To be run by who owns the tables, in one transaction; safe to repeat.
    """
    require_two(web, root)
    return [*_schema(web, root), *(line for table in tables() for line in _table(table, web, root))]


def require_two(web: str, root: str) -> None:
    """Raise InvalidRequest where both sides would connect as the same role."""
    if web == root:
        raise InvalidRequest(
            f"The web process and root's processes both connect as {web!r}: each needs a role of its own",
            resolution="Write the address with root's role into the file SPOCWEB_ROOT_DATABASE_URL_FILE,"
            " keys/database.url in the data directory.",
        )


def _schema(web: str, root: str) -> Iterator[str]:
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    for role in (web, root):
        yield f"REVOKE CREATE ON SCHEMA public FROM {quoted(role)}"
        yield f"GRANT USAGE ON SCHEMA public TO {quoted(role)}"


def _table(table: str, web: str, root: str) -> Iterator[str]:
    for role, rules in ((web, WEB), (root, ROOT)):
        yield f"REVOKE ALL ON {quoted(table)} FROM PUBLIC, {quoted(role)}"
        yield f"GRANT {', '.join(rules.get(table, WRITE))} ON {quoted(table)} TO {quoted(role)}"


def quoted(name: str) -> str:
    """Return the name of a role or a table as SQL takes it. Raises InvalidRequest for what cannot be one."""
    if not name or "\0" in name:
        raise InvalidRequest(f"{name!r} is no name of a role")
    return '"' + name.replace('"', '""') + '"'
