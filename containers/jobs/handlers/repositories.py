"""Looking into repositories, and what is in the host's own."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from containers.domain import amounts, entries, names, repository, signature
from containers.domain.entries import Entry
from containers.domain.image import ImageRef
from containers.domain.plan import Action, PlanStep
from containers.domain.repository import OWN, Index, RepositorySpec
from containers.domain.text import shown
from containers.errors import InvalidRequest, NotFound
from containers.host import archives, downloads, keys
from containers.host import repository as own
from containers.host.command import Runner
from containers.jobs import messages, outside
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.models import Image, Job, Repository
from containers.services import images, repositories


class RepositoryHandler(Handler):
    """What jobs on the own repository and others share."""

    def ref(self) -> ImageRef:
        """Return the image that the job is about, its name and version checked again."""
        return ImageRef.parse(self.target("image"))

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()


class RepositoryRefreshHandler(RepositoryHandler):
    """Fetches a repository's index and keeps what it says."""

    row: Repository
    spec: RepositorySpec

    def name(self) -> str:
        """Return the repository's name from the job's row, checked again."""
        return self.target_name("repository", names.layer_name)

    def scope(self) -> frozenset[str]:
        """Lock the repository."""
        return frozenset({f"repository:{self.name()}"})

    def steps(self) -> Sequence[PlanStep]:
        """One step: the look."""
        self.row = find(self.job, self.name())
        self.spec = spec_of(self.row)
        return [PlanStep(1, "", Action.REFRESH, self.spec.location, ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Fetch the index, check it."""
        source = source_of(self, self.runner(recorder), self.spec.location)
        index = fetch_index(source, self.spec.public_key)
        check_successor(self.row, index)
        recorder.note(f"number {index.serial}, signed {index.created}: {len(index.images)} images, {len(index.apps)} apps")
        recorder.tell(messages.IndexRead(step=step.number, repository=self.spec.name, index=index))

    def keep(self, message: messages.Message) -> None:
        """Write what the index says."""
        if isinstance(message, messages.IndexRead):
            repositories.keep_index(self.row, message.index)


class ImageExportHandler(RepositoryHandler):
    """Writes an image into the host's own repository: the whole of it, or nothing."""

    content: archives.Content

    def scope(self) -> frozenset[str]:
        """Lock the image and the own repository."""
        return frozenset({f"image:{self.ref().name}", f"repository:{OWN}"})

    def steps(self) -> Sequence[PlanStep]:
        """One step: the export. Raises NotFound."""
        ref = self.ref()
        image = Image.objects.with_layers().filter(host=self.job.host_id, name=ref.name, version=ref.version).first()
        if image is None:
            raise NotFound(f"there is no image {ref}")
        self.content = archives.Content(ref, images.layer_names(image), image.valid_defaults)
        return [PlanStep(1, "", Action.EXPORT, f"{ref} to {self.layout.repository}", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Write the file, sign it, put it into the index."""
        key = keys.ensure_signing_key(self.layout)
        with own.unfinished(self.layout) as (path, stream):
            ids = {"idmap_base": settings.IDMAP_BASE, "idmap_size": settings.IDMAP_SIZE}
            writer = archives.Writer(self.layout, self.runner(recorder), stream, **ids)
            entry = self._entry(writer.write(self.content, key))
            own.add(self.layout, key, entry, path, timezone.now())
        recorder.note(f"{entry.file}: {amounts.size(entry.size)}")

    def _entry(self, written: archives.Written) -> Entry:
        ref = self.content.ref
        return Entry(
            name=ref.name,
            version=ref.version,
            file=entries.file_name(ref, written.sha256),
            size=written.size,
            sha256=written.sha256,
            layers=written.layers,
            defaults=self.content.defaults,
            created=entries.moment(timezone.now()),
        )


class ExportRemoveHandler(RepositoryHandler):
    """Takes an image out of the host's own repository. One that is gone already is fine: it may run twice."""

    def scope(self) -> frozenset[str]:
        """Lock the own repository."""
        self.ref()
        return frozenset({f"repository:{OWN}"})

    def steps(self) -> Sequence[PlanStep]:
        """One step: the removal."""
        return [PlanStep(1, "", Action.REMOVE, f"{self.ref()} from {self.layout.repository}", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Sign an index without it, then remove its file and what killed jobs left."""
        key = keys.ensure_signing_key(self.layout)
        try:
            own.remove(self.layout, key, self.ref(), timezone.now())
        except NotFound:
            recorder.note("is not there any more")
            own.tidy(self.layout, signature.public_key_of(key))


def find(job: Job, name: str) -> Repository:
    """Return a repository's row. Raises NotFound, InvalidRequest for one that cannot be read."""
    try:
        row = Repository.objects.filter(host=job.host_id, name=name).first()
    except DatabaseError:
        raise
    # As with jobs: whoever can write to the database can leave anything in a column.
    except Exception as error:
        reason = shown(str(error), max_length=200)
        raise InvalidRequest.of("repository", f"its row cannot be read: {reason}") from error
    if row is None:
        raise NotFound(f"there is no repository {name}")
    return row


def spec_of(row: Repository) -> RepositorySpec:
    """Return what a row says, judged as when it was asked for. Raises InvalidRequest."""
    return RepositorySpec.validate_as(
        {"name": row.name, "location": row.location, "public_key": row.public_key}, field="repository"
    )


def source_of(handler: Handler, runner: Runner, location: str) -> downloads.Source:
    """Return what reads a repository: over HTTP, or below the directories that may be imported from."""
    return downloads.Source(handler.layout, runner, location, settings.IMPORT_DIRS, proxies=outside.proxies())


def fetch_index(source: downloads.Source, key: str) -> Index:
    """Fetch an index and its signature, and return it verified. Raises Untrusted, HostError."""
    raw = source.read(repository.INDEX, max_bytes=repository.MAX_INDEX_BYTES)
    signed = source.read(repository.SIGNATURE, max_bytes=signature.MAX_SIGNATURE_BYTES)
    return repository.verified_index(raw, signed, key)


def check_successor(row: Repository, index: Index) -> None:
    """Refuse an index that is older than what was seen before. Raises Untrusted, InvalidRequest for a broken row."""
    repository.check_successor(index, repositories.seen(row), timezone.now())
