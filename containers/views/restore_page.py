"""What the page of a backup that is to be restored shows: what is in it, who has signed it, what of this host differs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from containers.catalog import apps
from containers.catalog.apps import App
from containers.domain.backup import BackupFacts
from containers.domain.origin import Publisher
from containers.errors import HostError, SpocError
from containers.models import Backup
from containers.services import app_publishers, app_requests, backup_looks, installations, restoring
from containers.services.actor import Actor
from containers.services.inputs import BackupPlace


@dataclass
class RestorePage:
    """A backup that is to be restored. `facts` is None, and `away` says why, where root cannot be asked what is in it."""

    place: BackupPlace
    facts: BackupFacts | None
    away: HostError | None = None

    @classmethod
    def of(cls, actor: Actor, place: BackupPlace) -> RestorePage:
        """Look. Raises what `backup_looks.look` raises, but for the HostError."""
        try:
            return cls(place, backup_looks.look(actor, place))
        except HostError as error:
            return cls(place, None, error)

    @cached_property
    def app(self) -> App | None:
        """The app as the catalogue has it."""
        if self.facts is None:
            return restoring.app_in(app_requests.backups(), self.place.backup or "")
        try:
            return apps.find(self.facts.app)
        except SpocError:
            return None

    @cached_property
    def row(self) -> Backup | None:
        """The row of one of the host's own."""
        return app_requests.backups().filter(file_name=self.place.backup).first() if self.place.backup else None

    @property
    def name(self) -> str:
        """What it was called, where that is free."""
        name = self.facts.installation if self.facts else self.row.installation if self.row else ""
        return "" if installations.rows().filter(name=name).exists() else name

    @property
    def made_at(self) -> datetime | None:
        """When it was made, as it says; None where that is no moment."""
        try:
            found = parse_datetime(self.facts.created_at) if self.facts else None
            return timezone.localtime(found) if found else None
        except (ValueError, OverflowError):
            return None

    @property
    def volumes(self) -> list[tuple[str, int]]:
        """What its volumes are called, in the app's words, and their bytes."""
        known = self.app.manifest.volumes if self.app else {}
        sizes = self.facts.volumes if self.facts else {}
        return [(known[key].title or key if key in known else key, size) for key, size in sizes.items()]

    @cached_property
    def signer(self) -> Publisher | None:
        """Whose key has signed it; None for one that this host does not know."""
        return app_publishers.signer(self.facts.key) if self.facts else None

    @property
    def other_source(self) -> Publisher | None:
        """Who the app here is from, where the backup says that its own was from somebody else."""
        if self.app is None or self.facts is None or app_publishers.is_same(self.facts.source, self.facts.key, self.app):
            return None
        return self.app.source.publisher

    @property
    def other_version(self) -> str:
        """The version that the catalogue has, where it is another one."""
        version = self.app.manifest.version if self.app else ""
        return version if self.facts and version != self.facts.version else ""
