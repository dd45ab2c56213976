"""Removal of images. What makes them has modules of its own."""

from __future__ import annotations

from collections.abc import Sequence

from containers.domain.image import ImageRef
from containers.domain.plan import Action, PlanStep
from containers.host import layers, rootfs
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.models import ImageLayer
from containers.services import images


class ImageRemoveHandler(Handler):
    """Removes an image's row, then the directories of those of its layers that nothing else uses.

    An image that is gone already is fine: a removal that was lost half-way is done by running it once more.
    """

    _layers: dict[int, str]

    def ref(self) -> ImageRef:
        """Return the image's name and version from the job's row, checked again."""
        return ImageRef.parse(self.target("image"))

    def scope(self) -> frozenset[str]:
        """Lock the image and all layers that may go with it."""
        ref = self.ref()
        uses = ImageLayer.objects.filter(image__host=self.job.host_id, image__name=ref.name, image__version=ref.version)
        layers = {*uses.values_list("layer__name", flat=True), *self.inputs.get("layers", ())}
        return frozenset({f"image:{ref.name}", *(f"layer:{name}" for name in layers)})

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def steps(self) -> Sequence[PlanStep]:
        """Delete the rows, so that nothing can begin to use them; one step for each layer. Raises Conflict while used."""
        ref = self.ref()
        gone, kept = images.forget(self.job.host, ref, self.inputs.get("layers", ()), mounted=rootfs.mounted_layers(self.layout))
        self._layers = dict(enumerate(gone, start=1))
        steps = [
            PlanStep(number, "", Action.REMOVE, f"layer {name}, of image {ref}", ()) for number, name in self._layers.items()
        ]
        for name, users in sorted(kept.items()):
            why = f"used by {', '.join(users)}" if users else "a job makes it anew"
            steps.append(PlanStep(len(steps) + 1, "", Action.SKIP, f"layer {name} stays: {why}", ()))
        return steps

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Remove one layer's directory; one that is gone already is fine."""
        layers.remove(self.layout, self.runner(recorder), self._layers[step.number])
