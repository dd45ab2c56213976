"""Making images of what others have made: files of images, and registries."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction

from containers.choices import LayerSource
from containers.domain.image import ImageRef
from containers.domain.plan import Action, PlanStep
from containers.errors import HostError
from containers.host import imports, layers, registry, registry_auth
from containers.host.command import Runner
from containers.host.imports import Source
from containers.host.oci import Importer, Prepared
from containers.host.overlay import IdMap
from containers.jobs import messages, outside
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.services import images, new_layers

# The main thread writes rows between two looks at the job: longer than that only where the database does not answer.
_ANSWER_TIMEOUT_S: Final = 120
_MAX_REMARKS: Final = 5


class ImageFileHandler(Handler):
    """Makes an image of an OCI layout or archive. A subclass says where that comes from.

    All or nothing: layers get names when all are complete, and whatever happens afterwards takes them away again.
    """

    # What an image's layers are called in their rows.
    layer_source = LayerSource.OCI

    def ref(self) -> ImageRef:
        """Return the image's name and version from the job's row, checked again."""
        return ImageRef.parse(self.target("image"))

    def scope(self) -> frozenset[str]:
        """Lock the image."""
        return frozenset({f"image:{self.ref().name}"})

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def origin(self) -> str:
        """Return where the image comes from, in short."""
        raise NotImplementedError

    @contextmanager
    def opened(self, runner: Runner) -> Iterator[Source]:
        """Yield the archive or directory that holds the image."""
        raise NotImplementedError
        yield

    def steps(self) -> Sequence[PlanStep]:
        """One step: the import. Which layers are there is looked up now, under the image's lock."""
        self.known = new_layers.available(self.job.host)
        return [PlanStep(1, "", Action.IMPORT, f"image {self.ref()}, from {self.origin()}", ())]

    def run(self) -> None:
        """Import; where that did not succeed nothing stays of it."""
        # What an earlier run of the same job left, which nobody ended.
        self._forget()
        try:
            super().run()
        except BaseException:
            # Whatever it was, it is passed on.
            self._forget()
            raise

    def _forget(self) -> None:
        for layer in new_layers.unfinished(self.job):
            layers.remove(self.layout, Runner(), layer.name)
            layer.delete()

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Unpack what is not there yet, have it named, give it its place, tell what the image is."""
        runner, idmap = self.runner(recorder), IdMap(settings.IDMAP_BASE, settings.IDMAP_SIZE)
        importer = Importer(self.layout, runner, idmap, self.known)
        with self.opened(runner) as source, importer.prepare(source, name=self.inputs.get("pick", "")) as prepared:
            self.judge(prepared)
            names = {**self.known, **self._publish(prepared, runner, recorder)}
            recorder.note(_note(prepared, self.known))
            stack = tuple(names[digest] for digest in prepared.stack)
            defaults, origin = prepared.reading.defaults, self.origin()
            made = messages.ImageMade(step=step.number, image=self.ref(), layers=stack, defaults=defaults, origin=origin)
            recorder.tell(made)

    def judge(self, prepared: Prepared) -> None:
        """Look at what was unpacked before it gets names. Raises what the job is to fail with."""

    def _publish(self, prepared: Prepared, runner: Runner, recorder: StepRecorder) -> Mapping[str, str]:
        if not prepared.new:
            return {}
        for layer in prepared.new.values():
            layers.sync(layer.path, runner)
        runner.check_cancelled()
        names = self._ask_for_names(prepared, recorder)
        for digest, layer in prepared.new.items():
            # What another job has made meanwhile has its place.
            if not self.layout.layer(names[digest]).exists():
                layers.publish(self.layout, layer.path, names[digest])
        return names

    def _ask_for_names(self, prepared: Prepared, recorder: StepRecorder) -> Mapping[str, str]:
        """Have the main thread write rows for the new layers, and wait for it."""
        answer: queue.SimpleQueue[Mapping[str, str]] = queue.SimpleQueue()
        recorder.tell(
            messages.LayersWanted(
                step=recorder.step,
                image=self.ref(),
                sizes={digest: layer.size_bytes for digest, layer in prepared.new.items()},
                source=self.layer_source,
                origin=self.origin(),
                answer=answer,
            )
        )
        try:
            return answer.get(timeout=_ANSWER_TIMEOUT_S)
        except queue.Empty:
            raise HostError("the database did not take the new layers") from None

    def keep(self, message: messages.Message) -> None:
        """Write the rows of new layers, and at last that they and their image are there, in one transaction."""
        if isinstance(message, messages.LayersWanted):
            origin = new_layers.Origin(message.source, message.origin)
            names = new_layers.reserve(self.job, message.image, message.sizes, origin, is_free=self._is_free)
            transaction.on_commit(partial(message.answer.put, names))
        elif isinstance(message, messages.ImageMade):
            new_layers.finish(self.job)
            images.write(self.job.host, message.image, message.layers, message.defaults, origin=message.origin)

    def _is_free(self, name: str) -> bool:
        return not os.path.lexists(self.layout.layer(name))


class ImageImportHandler(ImageFileHandler):
    """Makes an image of an archive or directory on the server, or of an upload, which goes with the job."""

    def origin(self) -> str:
        """Return the path, or that it was uploaded."""
        return str(self.inputs.get("path") or "an uploaded file")

    @contextmanager
    def opened(self, runner: Runner) -> Iterator[Source]:
        """Open what the job's inputs name, through no link."""
        if upload := self.inputs.get("upload"):
            source = imports.open_upload(self.layout, upload)
        else:
            source = imports.open_source(Path(self.inputs["path"]), settings.IMPORT_DIRS)
        with source:
            yield source

    def run(self) -> None:
        """Import, and remove the upload whatever became of it."""
        try:
            super().run()
        finally:
            if upload := self.inputs.get("upload"):
                imports.remove_upload(self.layout, upload)


class ImagePullHandler(ImageFileHandler):
    """Makes an image of one in a registry."""

    def origin(self) -> str:
        """Return the reference."""
        return str(self.inputs["reference"])

    @contextmanager
    def opened(self, runner: Runner) -> Iterator[Source]:
        """Have skopeo copy the image into a directory of its own."""
        idmap = IdMap(settings.IDMAP_BASE, settings.IDMAP_SIZE)
        auth = registry_auth.read(settings.REGISTRY_AUTH_FILE, self.origin())
        with registry.pull(self.layout, runner, self.origin(), idmap, auth=auth, proxies=outside.proxies()) as source:
            yield source


def _note(prepared: Prepared, known: Mapping[str, str]) -> str:
    """Return what the step says at its end: what was there already, and what could not be taken over."""
    here = [known[digest] for digest in prepared.stack if digest not in prepared.new]
    parts = [f"{len(prepared.new)} new layers"] if len(prepared.new) != 1 else ["1 new layer"]
    if here:
        parts.append(f"there already: {', '.join(here)}")
    remarks = list(prepared.reading.remarks[:_MAX_REMARKS])
    if (more := len(prepared.reading.remarks) - len(remarks)) > 0:
        remarks.append(f"and {more} more")
    return "; ".join([*parts, *remarks])
