"""Apps that come from repositories: compared with the catalogue, fetched into it, removed from it, and published to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import transaction

from containers.catalog import apps
from containers.catalog.apps import App
from containers.domain.entries import AppEntry
from containers.domain.origin import Origin
from containers.domain.repository import OWN
from containers.domain.states import Operation
from containers.domain.text import shown
from containers.errors import Conflict, InvalidRequest, NotFound
from containers.models import Installation, Job, Repository
from containers.services import access, audit, exported, hosts, inputs, repositories
from containers.services.actor import Actor
from containers.services.queue import queue


class AppOffer(StrEnum):
    """What an app of a repository is to this host's catalogue."""

    NEW = "new"
    # The same file.
    HERE = "here"
    # From the same repository, made earlier or later than this one.
    NEWER = "newer"
    OLDER = "older"
    # The name is another app's: one of the host's own, or of another repository.
    TAKEN = "taken"


@dataclass(frozen=True)
class OfferedApp:
    """An app of a repository beside what the catalogue has of that name; `here` is that one's version."""

    entry: AppEntry
    offer: AppOffer
    here: str = ""

    @property
    def created_at(self) -> datetime:
        """Return when it was published."""
        return datetime.fromisoformat(self.entry.created)


@dataclass(frozen=True)
class Newer:
    """A newer version of an app of the catalogue, in the repository that it is from."""

    repository: str
    version: str


def compared(row: Repository, entries: Sequence[AppEntry]) -> list[OfferedApp]:
    """Return the apps of a repository, each beside what the catalogue has; no query, and the catalogue read once."""
    here = {app.name: app for app in apps.listing()[0]} if entries else {}
    taken = set(apps.names()) if entries else set()
    return [_compared(row, entry, here.get(entry.name), is_taken=entry.name in taken) for entry in entries]


def published() -> list[OfferedApp]:
    """Return what this host has published: each is here, or was when it was published."""
    return [OfferedApp(entry, AppOffer.HERE, entry.version) for entry in exported.index().apps]


def is_published(name: str) -> bool:
    """Return whether an app is in the own repository, in whatever version."""
    return any(entry.name == name for entry in exported.index().apps)


def _compared(row: Repository, entry: AppEntry, app: App | None, *, is_taken: bool) -> OfferedApp:
    if app is None:
        return OfferedApp(entry, AppOffer.TAKEN if is_taken else AppOffer.NEW)
    return OfferedApp(entry, _offer(row, entry, app.origin), app.manifest.version)


def _offer(row: Repository, entry: AppEntry, origin: Origin | None) -> AppOffer:
    # A repository of that name with another key is somebody else's by now.
    if origin is None or (origin.repository, origin.public_key) != (row.name, row.public_key):
        return AppOffer.TAKEN
    if entry.sha256 == origin.sha256:
        return AppOffer.HERE
    return AppOffer.OLDER if entry.created < origin.created else AppOffer.NEWER


def newer(found: Sequence[App]) -> dict[str, Newer]:
    """Return which of these apps have a newer version in the repository that they are from, by name; one query at most."""
    fetched = {app.name: app.origin for app in found if app.origin}
    if not fetched:
        return {}
    names = {origin.repository for origin in fetched.values()}
    rows = {row.name: row for row in hosts.repositories().filter(name__in=names)}
    said = {name: {entry.name: entry for entry in repositories.app_entries(row)} for name, row in rows.items()}
    return {name: one for name, origin in fetched.items() if (one := _newer(name, origin, rows, said))}


def _newer(name: str, origin: Origin, rows: Mapping[str, Repository], said: Mapping[str, Mapping[str, AppEntry]]) -> Newer | None:
    row, entry = rows.get(origin.repository), said.get(origin.repository, {}).get(name)
    if row is None or entry is None:
        return None
    return Newer(row.name, entry.version) if _offer(row, entry, origin) == AppOffer.NEWER else None


def request_fetch(actor: Actor, repository: str, name: str, *, retry_of: Job | None = None) -> Job:
    """Queue the fetching of an app from a repository into the catalogue; the version is the one that is there by then.

    What is here already is no error. Raises NotFound for what was not there at the last look, Conflict for a name that is
    another app's.
    """
    access.require(actor, "images")
    if repository == OWN:
        raise Conflict("What is in this host's own repository is in its catalogue")
    row = hosts.get_repository(repository)
    said = [entry for entry in repositories.app_entries(row) if entry.name == name]
    found = next(iter(compared(row, said)), None)
    if found is None:
        raise NotFound(
            f"There is no app {shown(name, max_length=40)} in the repository {repository}",
            resolution="Refresh the repository to look again.",
        )
    if found.offer == AppOffer.TAKEN:
        raise Conflict(taken(name))
    given = inputs.parse(Operation.CATALOGUE_FETCH, {"repository": repository}, idmap_size=settings.IDMAP_SIZE).export()
    with transaction.atomic():
        job = queue(actor, Operation.CATALOGUE_FETCH, [name], given, retry_of=retry_of)
        audit.record(actor, "catalogue.fetch", name, given, job)
    return job


def repeat_fetch(actor: Actor, job: Job) -> Job:
    """Queue once more the fetching that `job` was; it goes on where that was broken off."""
    (target,) = job.targets
    return request_fetch(actor, str(job.inputs.get("repository")), str(target), retry_of=job)


def taken(name: str) -> str:
    """Return why an app cannot come into the catalogue: an installation says by its name alone which app it is of."""
    origin = _origin(name)
    whose = f"of the repository {origin.repository}" if origin else "of this host"
    return f"There is an app {name} in the catalogue already, {whose}"


def _origin(name: str) -> Origin | None:
    try:
        return apps.find(name).origin
    except (InvalidRequest, NotFound):
        return None


def request_removal(actor: Actor, name: str) -> Job:
    """Queue the removal of a fetched app from the catalogue. Raises NotFound, and Conflict for what must stay."""
    access.require(actor, "images")
    folder = apps.find_folder(name)
    if folder is None:
        raise NotFound(f"There is no app {shown(name, max_length=40)}")
    if not folder.is_relative_to(apps.fetched()):
        raise Conflict(f"{name} is one of this host's own apps", resolution=f"Its folder is {folder}.")
    check_unused(name)
    with transaction.atomic():
        job = queue(actor, Operation.CATALOGUE_REMOVE, [name], {}, host=hosts.current())
        audit.record(actor, "catalogue.remove", name, {}, job)
    return job


def check_unused(name: str) -> None:
    """Raise Conflict while an app is installed: its updates, backups and last steps need what is in its folder."""
    users = list(Installation.objects.filter(host__name=hosts.current_name(), app=name).values_list("name", flat=True))
    if users:
        raise Conflict(f"{name} is installed as {', '.join(users)}", resolution="Uninstall it first.")


def request_publication(actor: Actor, name: str, *, retry_of: Job | None = None) -> Job:
    """Queue the publication of an app of the catalogue in the own repository, in place of any version of it that is there."""
    access.require(actor, "images")
    app = apps.find(name)
    with transaction.atomic():
        job = queue(actor, Operation.CATALOGUE_PUBLISH, [app.name], {}, host=hosts.current(), retry_of=retry_of)
        audit.record(actor, "catalogue.publish", app.name, {"version": app.manifest.version}, job)
    return job


def request_withdrawal(actor: Actor, name: str) -> Job:
    """Queue the removal of an app from the own repository; in the catalogue it stays. Raises NotFound."""
    access.require(actor, "images")
    exported.index().app(name)
    with transaction.atomic():
        job = queue(actor, Operation.CATALOGUE_WITHDRAW, [name], {}, host=hosts.current())
        audit.record(actor, "catalogue.withdraw", name, {}, job)
    return job
