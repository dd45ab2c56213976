"""Who an installation is from, and whether an update, or what a backup becomes, is from somebody else: that is never taken
without a word.
"""

from __future__ import annotations

from containers.catalog import installed
from containers.catalog.apps import App
from containers.domain.backup import BackupHeader
from containers.domain.origin import NewPublisher, Publisher, Source
from containers.errors import InvalidRequest, SpocError
from containers.models import Installation
from containers.services import exported, hosts

FIELD = "source"


def source_of(row: Installation) -> Source | None:
    """Return where an installation is from, from root's copy; None where that is not known. No query."""
    try:
        return installed.source(row.name, row.kept) if row.kept else None
    except SpocError:
        return None


def of(row: Installation) -> Publisher | None:
    """Return who an installation is from, None where that is not known. No query."""
    known = source_of(row)
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


def signer(key: str) -> Publisher | None:
    """Return whose key has signed a backup: this host's, or that of a repository that it knows; None for anybody else's."""
    if not key:
        return None
    if key == exported.public_key():
        return Publisher()
    row = hosts.repositories().filter(public_key=key).first()
    return Publisher(row.name, key) if row else None


def is_same(said: Source | None, key: str, app: App) -> bool:
    """Return whether `app` is from where a backup, signed with `key`, says that its own was; True where it says nothing."""
    return said is None or said.is_of(app.source.publisher, signer=key)


def require_same(header: BackupHeader, key: str, app: App, confirmed: str) -> None:
    """Raise InvalidRequest unless `app` is from where a backup, signed with `key`, says that its own was, or is `confirmed`.

    What the backup says is compared, and never kept: whoever has a key can have it say anything. What is recorded of the
    installation is what root has recorded of `app`.
    """
    after, said = app.source.publisher, header.source
    if is_same(said, key, app) or confirmed == after.repository:
        return
    is_said = "is" if signer(key) else "is said to be"
    before = f"{said.origin}, with the key {said.origin.public_key}" if said and said.origin else "the host that made the backup"
    raise InvalidRequest.of(
        FIELD,
        f"{header.installation} {is_said} from {before}, and {app.manifest.title} {app.manifest.version} of this host's catalogue"
        f" is from {after}: say {after.repository} if it may be",
    )
