"""Import of layers from archives and directories, and their removal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.db.models import ProtectedError

from containers.domain import names
from containers.domain.bootstrap import BaseSystem
from containers.domain.plan import Action, PlanStep
from containers.errors import Conflict, NotFound
from containers.host import bootstrap, imports, layers, rootfs
from containers.host.command import Runner
from containers.host.overlay import IdMap
from containers.jobs import messages, outside
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.models import Layer
from containers.querysets import LayerQuerySet
from containers.services import layers as service


class LayerHandler(Handler):
    """What both jobs on a layer share: its name, its row, its lock."""

    layer: Layer

    def name(self) -> str:
        """Return the layer's name from the job's row, checked again."""
        return self.target_name("layer", names.layer_name)

    def scope(self) -> frozenset[str]:
        """Lock the layer."""
        return frozenset({f"layer:{self.name()}"})

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def rows(self) -> LayerQuerySet:
        """Return the layer's row, as a query."""
        return Layer.objects.filter(host=self.job.host_id, name=self.name())

    def find(self) -> Layer:
        """Return the layer's row. Raises NotFound."""
        layer = self.rows().first()
        if layer is None:
            raise NotFound(f"there is no layer {self.name()}")
        return layer


class NewLayerHandler(LayerHandler):
    """Makes a layer whose row is there already; nothing of a failed one stays, its row neither."""

    action = Action.IMPORT

    def steps(self) -> Sequence[PlanStep]:
        """One step: the making."""
        self.layer = self.find()
        if self.layer.is_available:
            raise Conflict(f"layer {self.layer} is there already")
        return [PlanStep(1, "", self.action, f"layer {self.layer}", ())]

    def run(self) -> None:
        """Make the layer, and forget it where that did not succeed."""
        try:
            super().run()
        except BaseException:
            # Whatever it was, it is passed on: only the announcement goes.
            self.rows().filter(is_available=False).delete()
            raise

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Make it, and say what it turned out to be."""
        made = self.make(self.runner(recorder))
        name = self.layer.name
        recorder.tell(messages.LayerMade(step=step.number, layer=name, size_bytes=made.size_bytes, digest=made.digest))

    def make(self, runner: Runner) -> layers.Made:
        """Make the layer on the host; runs in the step's thread."""
        raise NotImplementedError

    def keep(self, message: messages.Message) -> None:
        """Write that the layer is there."""
        if isinstance(message, messages.LayerMade):
            rows = Layer.objects.filter(host=self.job.host_id, name=message.layer)
            rows.update(is_available=True, size_bytes=message.size_bytes, digest=message.digest)


class LayerImportHandler(NewLayerHandler):
    """Unpacks an archive or copies a directory into a new layer."""

    def run(self) -> None:
        """Import, and remove the upload whatever became of it."""
        try:
            super().run()
        finally:
            if upload := self.inputs.get("upload"):
                imports.remove_upload(self.layout, upload)

    def make(self, runner: Runner) -> layers.Made:
        """Unpack or copy, whichever the source is."""
        if upload := self.inputs.get("upload"):
            source = imports.open_upload(self.layout, upload)
        else:
            source = imports.open_source(Path(self.inputs["path"]), settings.IMPORT_DIRS)
        ids = {"idmap_base": settings.IDMAP_BASE, "idmap_size": settings.IDMAP_SIZE}
        return layers.import_source(self.layout, runner, source, self.layer.name, **ids)


class LayerBootstrapHandler(NewLayerHandler):
    """Makes a layer of a Debian base system."""

    action = Action.BUILD

    def make(self, runner: Runner) -> layers.Made:
        """Run the tool that is there."""
        idmap = IdMap(settings.IDMAP_BASE, settings.IDMAP_SIZE)
        system = BaseSystem.validate_as(self.inputs, field="")
        return bootstrap.make(self.layout, runner, self.layer.name, system, idmap, proxies=outside.proxies())


class LayerRemoveHandler(LayerHandler):
    """Removes a layer that nothing uses: first its row, so that nothing can begin to use it.

    A row that is gone already is fine: a removal that was lost half-way is done by running it once more.
    """

    def steps(self) -> Sequence[PlanStep]:
        """One step: the removal. Raises Conflict while the layer is used."""
        if users := rootfs.mounted_layers(self.layout).get(self.name()):
            raise Conflict(f"layer {self.name()} is mounted by {', '.join(users)}")
        try:
            self.rows().delete()
        except ProtectedError as error:
            layer = self.find()
            users = service.users([layer])[layer.pk]
            raise Conflict(f"layer {layer} is used by {', '.join(users)}") from error
        return [PlanStep(1, "", Action.REMOVE, f"layer {self.name()}", ())]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Remove the layer's directory, and what killed imports and removals left; what is gone already is fine."""
        layers.remove(self.layout, self.runner(recorder), self.name())
        layers.remove_unfinished(self.layout)
