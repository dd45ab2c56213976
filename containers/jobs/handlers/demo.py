"""The demo: a base layer from the host's own busybox, and three containers on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings

from containers.choices import LayerSource
from containers.domain.plan import Action, PlanStep
from containers.domain.states import Operation
from containers.errors import Conflict, NotFound
from containers.host import layers
from containers.jobs import messages
from containers.jobs.handlers.containers import ContainerHandler
from containers.jobs.messages import StepRecorder
from containers.models import Layer


class DemoHandler(ContainerHandler):
    """Builds the layer that the job's input names, then creates the job's containers."""

    layer: Layer

    @property
    def operation(self) -> Operation:
        """To the planner it is a creation."""
        return Operation.CREATE

    def steps(self) -> Sequence[PlanStep]:
        """Return the building of the layer, unless it is there, and the creation of the containers after it."""
        layer = Layer.objects.filter(host=self.job.host_id, name=self.inputs["layer"]).first()
        if layer is None:
            raise NotFound(f"there is no layer {self.inputs['layer']}")
        self.layer = layer
        steps = super().steps()
        if self.layer.is_available:
            return steps
        first = PlanStep(0, "", Action.BUILD, f"layer {self.layer}, from the host's busybox", ())
        return [first, *(replace(step, after=(0, *step.after)) for step in steps)]

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Build the layer or create a container."""
        if step.action != Action.BUILD:
            super().act(step, recorder)
            return
        runner, name = self.runner(recorder), self.layer.name
        ids = {"idmap_base": settings.IDMAP_BASE, "idmap_size": settings.IDMAP_SIZE}
        try:
            made = layers.make_busybox(self.layout, runner, name, **ids)
        except Conflict:
            # Made by a run of this job that was lost before it could say so: a layer is there whole or not at all.
            made = layers.measure(self.layout, runner, name, **ids)
        recorder.tell(messages.LayerMade(step=step.number, layer=name, size_bytes=made.size_bytes, digest=made.digest))

    def keep(self, message: messages.Message) -> None:
        """Write that the layer is there, and all that is known of containers."""
        if isinstance(message, messages.LayerMade):
            values = {"size_bytes": message.size_bytes, "digest": message.digest, "source": LayerSource.DEMO}
            Layer.objects.filter(pk=self.layer.pk).update(is_available=True, **values)
        else:
            super().keep(message)
