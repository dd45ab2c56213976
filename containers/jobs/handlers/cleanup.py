"""Removal of what nothing uses: layers, images of apps, uploads, what jobs left unfinished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from django.db import transaction

from containers.domain import amounts
from containers.domain.image import ImageRef
from containers.domain.plan import Action, PlanStep
from containers.errors import Conflict
from containers.host import imports, layers, remains, rootfs
from containers.host.command import NullRecorder, Runner
from containers.jobs.handlers.base import Handler
from containers.jobs.messages import StepRecorder
from containers.models import Layer
from containers.services import cleanup, hosts, images, spare_images
from containers.services import layers as service


class CleanUpHandler(Handler):
    """Removes what the job names, one step for each; what got used since it was listed stays, and its step says by whom."""

    _removals: dict[int, Callable[[Runner], None]]

    def scope(self) -> frozenset[str]:
        """Lock the layers."""
        stacks = self.inputs.get("images", {}).values()
        return frozenset(f"layer:{name}" for names in (self.inputs.get("layers", ()), *stacks) for name in names)

    def containers(self) -> frozenset[str]:
        """Name no container."""
        return frozenset()

    def steps(self) -> Sequence[PlanStep]:
        """Delete the rows of layers, so that nothing can begin to use them, and look at what there is to be removed."""
        self._removals = {}
        return [*self._images(), *self._layers(), *self._uploads(), *self._leftovers()]

    def _images(self) -> list[PlanStep]:
        return [self._image(ref, stack) for ref, stack in self.inputs.get("images", {}).items()]

    def _image(self, ref: str, stack: Sequence[str]) -> PlanStep:
        sizes = dict(Layer.objects.filter(host=self.job.host_id, name__in=stack).values_list("name", "size_bytes"))
        mounted = rootfs.mounted_layers(self.layout)
        try:
            with transaction.atomic():
                hosts.lock()
                spare_images.check(ref)
                gone, _kept = images.forget(self.job.host, ImageRef.parse(ref), stack, mounted=mounted)
        except Conflict as error:
            return self._step(f"image {ref}", None, lambda _: None, error.brief)
        size = sum(sizes.get(name) or 0 for name in gone)
        return self._step(f"image {ref}", size, partial(self._remove_layers, gone), None)

    def _remove_layers(self, names: Sequence[str], runner: Runner) -> None:
        for name in names:
            self._remove_layer(name, runner)

    def _layers(self) -> list[PlanStep]:
        names = self.inputs.get("layers", ())
        sizes = dict(Layer.objects.filter(host=self.job.host_id, name__in=names).values_list("name", "size_bytes"))
        with transaction.atomic():
            hosts.lock()
            kept = service.forget_unused(self.job.host, names, mounted=rootfs.mounted_layers(self.layout))
        why = {name: f"used by {', '.join(users)}" if users else "a job makes it anew" for name, users in kept.items()}
        return [self._step(f"layer {name}", sizes.get(name), partial(self._remove_layer, name), why.get(name)) for name in names]

    def _uploads(self) -> list[PlanStep]:
        in_use = cleanup.uploads_in_use(besides=self.job)
        return [
            self._step(f"upload {name}", None, partial(self._remove_upload, name), "a job needs it" if name in in_use else None)
            for name in self.inputs.get("uploads", ())
        ]

    def _leftovers(self) -> list[PlanStep]:
        if not self.inputs.get("leftovers"):
            return []
        found = remains.find(self.layout, Runner(NullRecorder(), self.cancel.now))
        if not found:
            return []
        what = f"{len(found)} leftovers of jobs that ended too early"
        return [self._step(what, sum(found.values()), self._remove_leftovers, None)]

    def _step(self, what: str, size: int | None, removal: Callable[[Runner], None], kept: str | None) -> PlanStep:
        number = len(self._removals) + 1
        self._removals[number] = removal
        if kept is not None:
            return PlanStep(number, "", Action.SKIP, f"{what} stays: {kept}", ())
        return PlanStep(number, "", Action.REMOVE, what if size is None else f"{what}, {amounts.size(size)}", ())

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Remove one thing; what is gone already is fine."""
        self._removals[step.number](self.runner(recorder))

    def _remove_layer(self, name: str, runner: Runner) -> None:
        layers.remove(self.layout, runner, name)

    def _remove_upload(self, name: str, runner: Runner) -> None:
        runner.recorder.note(f"removes {self.layout.uploads / name}")
        imports.remove_upload(self.layout, name)

    def _remove_leftovers(self, runner: Runner) -> None:
        runner.recorder.note(f"removes what is unfinished below {self.layout.data_dir}")
        remains.remove(self.layout)
