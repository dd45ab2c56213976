"""Fetching images from repositories: nothing of a file is used before all of it has proved to be what its publisher signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from containers.choices import LayerSource
from containers.domain import signature
from containers.domain.entries import Entry
from containers.domain.plan import Action, PlanStep
from containers.domain.repository import OWN
from containers.errors import Untrusted
from containers.host import archives, downloads, imports, keys
from containers.host.command import Runner
from containers.host.imports import Source
from containers.host.oci import Prepared
from containers.jobs import messages
from containers.jobs.executor import Outcome
from containers.jobs.handlers.image_files import ImageFileHandler
from containers.jobs.handlers.repositories import check_successor, fetch_index, find, source_of, spec_of
from containers.jobs.messages import StepRecorder
from containers.models import Image, Repository
from containers.services import images, repositories


@dataclass(frozen=True)
class Place:
    """Where an image comes from. The host's own repository has no row."""

    location: str
    public_key: str
    row: Repository | None


class ImageFetchHandler(ImageFileHandler):
    """Looks into the repository, fetches the image's file, unpacks what is not there yet. The same image again is no work.

    What was fetched stays for the next try where that fails or the job is lost, unless it is the wrong thing.
    """

    layer_source = LayerSource.FETCH

    place: Place
    # What the index says; None where nothing is to be done.
    entry: Entry | None = None
    file: Path

    def origin(self) -> str:
        """Return the repository's name."""
        return f"repository {self.inputs['repository']}"

    def steps(self) -> Sequence[PlanStep]:
        """Three steps: the index, the file, the layers."""
        ref = self.ref()
        self.place = self._find_place()
        imported = super().steps()
        image = Image.objects.with_layers().filter(host=self.job.host_id, name=ref.name, version=ref.version).first()
        self._here = images.digests(image) if image else []
        return [
            PlanStep(1, "", Action.REFRESH, self.place.location, ()),
            PlanStep(2, "", Action.FETCH, str(ref), (1,)),
            *(PlanStep(3, "", step.action, step.reason, (2,)) for step in imported),
        ]

    def _find_place(self) -> Place:
        name = self.inputs["repository"]
        if name == OWN:
            return Place(str(self.layout.repository), signature.public_key_of(keys.ensure_signing_key(self.layout)), None)
        row = find(self.job, name)
        spec = spec_of(row)
        return Place(spec.location, spec.public_key, row)

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Do one of the three."""
        if step.action == Action.REFRESH:
            self._look_up(step, recorder)
        elif self.entry is None:
            recorder.note("is here already")
        elif step.action == Action.FETCH:
            self._fetch(self.entry, recorder)
        else:
            super().act(step, recorder)

    def _look_up(self, step: PlanStep, recorder: StepRecorder) -> None:
        source = source_of(self, self.runner(recorder), self.place.location)
        index = fetch_index(source, self.place.public_key)
        if self.place.row is not None:
            check_successor(self.place.row, index)
            recorder.tell(messages.IndexRead(step=step.number, repository=self.place.row.name, index=index))
        entry = index.entry(self.ref())
        self.entry = None if self._here == entry.stack else entry

    def _fetch(self, entry: Entry, recorder: StepRecorder) -> None:
        missing = sum(layer.size for layer in entry.layers if layer.digest not in self.known)
        # The file is taken apart before its layers are unpacked.
        downloads.require_space(self.layout, entry, missing + entry.size)
        self.file = source_of(self, self.runner(recorder), self.place.location).fetch(entry)
        try:
            archives.verify(self.file, self.place.public_key)
        except Untrusted:
            self._discard(entry)
            raise

    @contextmanager
    def opened(self, runner: Runner) -> Iterator[Source]:
        """Open what was fetched."""
        with imports.open_file(self.file) as source:
            yield source

    def judge(self, prepared: Prepared) -> None:
        """Compare the layers with what the index says. Raises Untrusted."""
        if self.entry is not None and list(prepared.stack) != self.entry.stack:
            raise Untrusted(f"The image's file has other layers than the index says of {self.entry.ref}")

    def keep(self, message: messages.Message) -> None:
        """Write what the index says, and the image's rows."""
        if isinstance(message, messages.IndexRead):
            if self.place.row is not None:
                repositories.keep_index(self.place.row, message.index)
        else:
            super().keep(message)

    def conclude(self, outcome: Outcome) -> None:
        """Remove the file, which has done its work, and what nobody goes on with any more."""
        super().conclude(outcome)
        if self.entry is not None:
            self._discard(self.entry)
        downloads.discard_old(self.layout)

    def _discard(self, entry: Entry) -> None:
        downloads.discard(self.layout, entry.download)
