"""Who an installation is from, and whether an update is from somebody else: that is never taken without a word."""

from __future__ import annotations

from containers.catalog import installed
from containers.catalog.apps import App
from containers.domain.origin import NewPublisher, Publisher
from containers.errors import InvalidRequest, SpocError
from containers.models import Installation

FIELD = "source"


def of(row: Installation) -> Publisher | None:
    """Return who an installation is from, from root's copy; None where that is not known. No query."""
    try:
        known = installed.source(row.name, row.kept) if row.kept else None
    except SpocError:
        return None
    return known.publisher if known else None


def change(row: Installation, app: App) -> NewPublisher | None:
    """Return what is new about who `app` is from, None where nothing is or where it is not known who it was. No query."""
    before, after = of(row), app.source.publisher
    return NewPublisher(before, after) if before and app.is_source_known and before != after else None


def require(row: Installation, app: App, confirmed: str) -> None:
    """Raise InvalidRequest unless an update is from where the installation is from, or its repository was `confirmed`."""
    found = change(row, app)
    if found and confirmed != found.after.repository:
        key = ", signed with another key" if found.is_new_key else ""
        raise InvalidRequest.of(
            FIELD,
            f"{row} is from {found.before}, and {app.manifest.title} {app.manifest.version} is from {found.after}{key}:"
            f" say {found.after.repository} if it may be",
        )
