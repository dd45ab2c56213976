"""Keeping what a container has written as a layer, and as an image if asked for."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from containers.domain import names
from containers.domain.image import Defaults, ImageRef
from containers.domain.plan import Action, PlanStep
from containers.domain.states import State
from containers.errors import Conflict, HostError, NotFound
from containers.host import keeping, rootfs
from containers.host.command import NullRecorder, Runner
from containers.host.lxc import Lxc
from containers.jobs import messages
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.models import Container, Layer
from containers.querysets import LayerQuerySet
from containers.services import access, images, layers, specs


class LayerCommitHandler(Handler):
    """Copies the ephemeral layer; nothing of a failed copy stays, its layer's row neither. A running container is frozen."""

    container: Container
    _freezes: bool
    _image: messages.ImageMade | None = None

    def name(self) -> str:
        """Return the container's name from the job's row, checked again."""
        return self.target_name("container", names.container_name)

    @property
    def layer(self) -> str:
        """Return the name of the layer to be made."""
        return str(self.inputs["layer"])

    def authorise(self, steps: Sequence[PlanStep]) -> None:
        """Ask also for the container, whose files are read."""
        super().authorise(steps)
        access.require(self.actor, "execute", self.name())

    def scope(self) -> frozenset[str]:
        """Lock the container, the new layer, and for an image that too with all layers that it is going to have."""
        locked = {self.name(), f"layer:{self.layer}"}
        if image := self.inputs.get("image"):
            locked |= {f"image:{ImageRef.parse(image).name}", *(f"layer:{name}" for name in self._stack())}
        return frozenset(locked)

    def containers(self) -> frozenset[str]:
        """List the job under its container."""
        return frozenset({self.name()})

    def _stack(self) -> tuple[str, ...]:
        """Return the layers that what was written stands on: those it was mounted with, whatever the definition says now."""
        try:
            return rootfs.layers(self.layout, self.name())
        except HostError:
            # It was never made: there is nothing to keep, as the first step says.
            return ()

    def _rows(self) -> LayerQuerySet:
        return Layer.objects.filter(host=self.job.host_id, name=self.layer, is_available=False)

    def steps(self) -> Sequence[PlanStep]:
        """One step: the copy. Raises Conflict where there is nothing to be copied."""
        container = Container.objects.with_definition().filter(host=self.job.host_id, name=self.name()).first()
        if container is None:
            raise NotFound(f"there is no container {self.name()}")
        if not self._rows().exists():
            raise Conflict(f"layer {self.layer} was not announced, or is there already")
        self.container = container
        self._freezes = self._must_freeze()
        reason = f"as layer {self.layer}" + (", frozen while it is copied" if self._freezes else "")
        step = PlanStep(1, container.name, Action.KEEP, reason, ())
        self._image = self._image_to_make(step)
        return [step]

    def _must_freeze(self) -> bool:
        look = Lxc(self.layout, Runner(NullRecorder(), self.cancel.now)).look(self.container.name)
        self.container.state, self.container.is_mounted = str(look.state), rootfs.is_mounted(self.layout, self.container.name)
        layers.check_keepable(self.container)
        if look.state not in {State.RUNNING, State.FROZEN, State.STOPPED}:
            raise Conflict(f"{self.container.name} is {look.state.lower()}", resolution="Try again when it runs.")
        return look.state == State.RUNNING

    def _image_to_make(self, step: PlanStep) -> messages.ImageMade | None:
        if not (image := self.inputs.get("image")):
            return None
        stack = self._stack()
        known = set(Layer.objects.available().filter(host=self.job.host_id, name__in=stack).values_list("name", flat=True))
        if missing := [name for name in stack if name not in known]:
            raise Conflict(f"{self.container.name} stands on {', '.join(missing)}, which is no layer any more")
        definition = specs.definition_of(self.container)
        given = {key: value for key, value in definition.items() if key in Defaults.model_fields}
        defaults = Defaults.parse(given, idmap_size=settings.IDMAP_SIZE)
        origin = f"container {self.container.name}"
        return messages.ImageMade(
            step=step.number, image=ImageRef.parse(image), layers=(*stack, self.layer), defaults=defaults, origin=origin
        )

    def run(self) -> None:
        """Keep, and forget the announced layer where that did not succeed."""
        try:
            super().run()
        except BaseException:
            # Whatever it was, it is passed on: only the announcement goes.
            self._rows().delete()
            raise

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Copy, and thaw whatever happens."""
        made = keeping.keep(
            self.layout,
            self.runner(recorder),
            step.container,
            self.layer,
            freezes=self._freezes,
            idmap_base=settings.IDMAP_BASE,
            idmap_size=settings.IDMAP_SIZE,
        )
        recorder.tell(messages.LayerMade(step=step.number, layer=self.layer, size_bytes=made.size_bytes, digest=made.digest))
        if self._image is not None:
            recorder.tell(self._image)

    def keep(self, message: messages.Message) -> None:
        """Write that the layer is there, and the image that has it on top."""
        if isinstance(message, messages.LayerMade):
            self._rows().update(is_available=True, size_bytes=message.size_bytes, digest=message.digest)
        elif isinstance(message, messages.ImageMade):
            images.write(self.job.host, message.image, message.layers, message.defaults, origin=message.origin)
