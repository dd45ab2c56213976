"""Apps between the catalogue and repositories: nothing of a file is used before all of it proved to be what was signed.

What a repository says of an app stands in no row that root believes: the index is fetched and verified in the job, the folder is
root's own, and so is the record of where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from containers.catalog import apps, folders
from containers.catalog.apps import App
from containers.domain import amounts, entries, recipe, signature
from containers.domain.entries import AppEntry
from containers.domain.manifest import app_name
from containers.domain.origin import Origin
from containers.domain.plan import Action, PlanStep
from containers.domain.repository import OWN, Index, RepositorySpec
from containers.errors import Conflict, FieldError, InvalidRequest, NotFound, Untrusted
from containers.host import app_store, downloads, keys
from containers.host import repository as own
from containers.host.copying import File
from containers.jobs import messages
from containers.jobs.executor import Outcome
from containers.jobs.handlers.repositories import (
    RepositoryHandler,
    check_successor,
    fetch_index,
    find,
    source_of,
    spec_of,
)
from containers.jobs.messages import StepRecorder
from containers.models import Repository
from containers.services import app_sources, repositories


class CatalogueHandler(RepositoryHandler):
    """What jobs on one app of the catalogue share."""

    def name(self) -> str:
        """Return the app's name from the job's row, checked again."""
        return self.target_name("app", app_name)

    def scope(self) -> frozenset[str]:
        """Lock the app's place in the catalogue."""
        return frozenset({f"catalogue:{self.name()}"})


@dataclass(frozen=True)
class Wanted:
    """What is fetched: an entry, and the number of the index that has it."""

    entry: AppEntry
    serial: int


class CatalogueFetchHandler(CatalogueHandler):
    """Looks into the repository, fetches the app's file, puts what is in it into the catalogue. The same again is no work.

    What was fetched stays for the next try where that fails or the job is lost, unless it is the wrong thing.
    """

    row: Repository
    spec: RepositorySpec
    # None where nothing is to be done.
    wanted: Wanted | None = None
    file: Path

    def steps(self) -> Sequence[PlanStep]:
        """Three steps: the index, the file, the catalogue."""
        name = self.name()
        self.row = find(self.job, self.inputs["repository"])
        self.spec = spec_of(self.row)
        self.here = self._look_here(name)
        return [
            PlanStep(1, "", Action.REFRESH, self.spec.location, ()),
            PlanStep(2, "", Action.FETCH, f"app {name}", (1,)),
            PlanStep(3, "", Action.IMPORT, f"app {name}, from repository {self.spec.name}", (2,)),
        ]

    def _look_here(self, name: str) -> Origin | None:
        """Return where the app came from that is here. Raises Conflict where its name is another's."""
        folder = apps.find_folder(name)
        if folder is not None and folder != self.layout.fetched(self.spec.name, name):
            raise Conflict(app_sources.taken(name), resolution="Remove that one first, if it is the same app.")
        try:
            return apps.find(name).origin
        except (NotFound, InvalidRequest):
            # What is broken here is what a fetch mends.
            return None

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Do one of the three."""
        if step.action == Action.REFRESH:
            self._look_up(step, recorder)
        elif self.wanted is None:
            recorder.note("is here already")
        elif step.action == Action.FETCH:
            self._fetch(self.wanted.entry, recorder)
        else:
            self._put(self.wanted, recorder)

    def _look_up(self, step: PlanStep, recorder: StepRecorder) -> None:
        index = fetch_index(source_of(self, self.runner(recorder), self.spec.location), self.spec.public_key)
        check_successor(self.row, index)
        recorder.tell(messages.IndexRead(step=step.number, repository=self.spec.name, index=index))
        self.wanted = self._choose(index)

    def _choose(self, index: Index) -> Wanted | None:
        entry = index.app(self.name())
        if self.here is not None:
            self.here.check_successor(entry, public_key=self.spec.public_key, serial=index.serial)
        return Wanted(entry, index.serial) if self.here is None or self.here.sha256 != entry.sha256 else None

    def _fetch(self, entry: AppEntry, recorder: StepRecorder) -> None:
        # Unpacked by a child, and written once more by root.
        downloads.require_space(self.layout, entry, 2 * entry.size)
        self.file = source_of(self, self.runner(recorder), self.spec.location).fetch(entry)

    def _put(self, wanted: Wanted, recorder: StepRecorder) -> None:
        try:
            app = self._unpack(wanted.entry, recorder)
        except (InvalidRequest, Untrusted):
            # Another try would find the same.
            downloads.discard(self.layout, wanted.entry.download)
            raise
        app_store.put(self.layout, app.name, files_of(app), self._origin(wanted))
        recorder.note(f"{app.manifest.title} {app.manifest.version}: {len(app.folder)} files")

    def _unpack(self, entry: AppEntry, recorder: StepRecorder) -> App:
        ids = {"idmap_base": settings.IDMAP_BASE, "idmap_size": settings.IDMAP_SIZE}
        with app_store.unpacked(self.layout, self.runner(recorder), self.file, entry.name, **ids) as folder:
            app = apps.read(folder)
        judge(app, entry)
        return app

    def _origin(self, wanted: Wanted) -> Origin:
        return Origin(
            repository=self.spec.name,
            location=self.spec.location,
            public_key=self.spec.public_key,
            serial=wanted.serial,
            sha256=wanted.entry.sha256,
            created=wanted.entry.created,
            fetched=entries.moment(timezone.now()),
        )

    def keep(self, message: messages.Message) -> None:
        """Write what the index says."""
        if isinstance(message, messages.IndexRead):
            repositories.keep_index(self.row, message.index)

    def conclude(self, outcome: Outcome) -> None:
        """Remove the file, which has done its work, and what nobody goes on with any more."""
        super().conclude(outcome)
        if self.wanted is not None:
            downloads.discard(self.layout, self.wanted.entry.download)
        downloads.discard_old(self.layout)


class CatalogueRemoveHandler(CatalogueHandler):
    """Removes a fetched app from the catalogue, unless it is installed. One that is gone already is fine: it may run twice."""

    def steps(self) -> Sequence[PlanStep]:
        """One step: the removal."""
        app_sources.check_unused(self.name())
        return [PlanStep(1, "", Action.REMOVE, f"app {self.name()} from the catalogue", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Remove its folder; those of the host's own apps lie elsewhere."""
        if not app_store.remove(self.layout, self.name()):
            recorder.note("is not there any more")


class CataloguePublishHandler(CatalogueHandler):
    """Writes an app of the catalogue into the host's own repository: the whole of it, or nothing."""

    app: App

    def scope(self) -> frozenset[str]:
        """Lock the app and the own repository."""
        return super().scope() | {f"repository:{OWN}"}

    def steps(self) -> Sequence[PlanStep]:
        """One step: the publication. Raises NotFound, InvalidRequest."""
        self.app = apps.find(self.name())
        # What nobody could fetch is not published.
        check_paths(self.app)
        apps.try_out(self.app)
        return [PlanStep(1, "", Action.EXPORT, f"app {self.name()} {self.app.manifest.version} to {self.layout.repository}", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Write the file, put it into the index, sign that."""
        key = keys.ensure_signing_key(self.layout)
        with own.unfinished(self.layout) as (path, stream):
            entry = self._entry(*app_store.pack(files_of(self.app), stream))
            own.add(self.layout, key, entry, path, timezone.now())
        recorder.note(f"{entry.file}: {amounts.size(entry.size)}")

    def _entry(self, size: int, sha256: str) -> AppEntry:
        about = self.app.manifest
        return AppEntry(
            name=about.name,
            version=about.version,
            title=about.title,
            description=about.description,
            file=entries.app_file_name(about.name, about.version, sha256),
            size=size,
            sha256=sha256,
            created=entries.moment(timezone.now()),
        )


class CatalogueWithdrawHandler(CatalogueHandler):
    """Takes an app out of the host's own repository. One that is gone already is fine: it may run twice."""

    def scope(self) -> frozenset[str]:
        """Lock the own repository."""
        self.name()
        return frozenset({f"repository:{OWN}"})

    def steps(self) -> Sequence[PlanStep]:
        """One step: the removal."""
        return [PlanStep(1, "", Action.REMOVE, f"app {self.name()} from {self.layout.repository}", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Sign an index without it, then remove its file and what killed jobs left."""
        key = keys.ensure_signing_key(self.layout)
        try:
            own.remove_app(self.layout, key, self.name(), timezone.now())
        except NotFound:
            recorder.note("is not there any more")
            own.tidy(self.layout, signature.public_key_of(key))


def judge(app: App, entry: AppEntry) -> None:
    """Check that an unpacked app is the one that the index announced, and that it can be installed. Raises SpocError."""
    about = app.manifest
    if (about.name, about.version) != (entry.name, entry.version):
        raise Untrusted(f"The index says {entry.name} {entry.version} of what is {about.name} {about.version}")
    check_paths(app)
    apps.try_out(app)


def check_paths(app: App) -> None:
    """Check the names of an app's files, which become paths on other hosts. Raises InvalidRequest with every error."""
    errors = []
    for path in app.folder:
        try:
            recipe.file_path(path)
        except ValueError as error:
            errors.append(FieldError(path, str(error)))
    if errors:
        raise InvalidRequest.all(tuple(errors))


def files_of(app: App) -> Mapping[str, File]:
    """Return an app's files as they are written elsewhere."""
    return {
        path: File(content, isinstance(content, folders.File) and content.is_executable) for path, content in app.folder.items()
    }
