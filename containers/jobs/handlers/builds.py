"""Building an image: one layer, made in a container of its own as the recipe says, and the image of it and its parents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from containers.choices import LayerSource
from containers.domain import build as building
from containers.domain.build import BuildStep, FileFacts, RunStep
from containers.domain.definition import MAX_LAYERS
from containers.domain.image import ImageRef, layer_names
from containers.domain.plan import Action, Plan, PlanStep
from containers.domain.secrecy import values_of
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.errors import InvalidRequest
from containers.host.command import Runner
from containers.host.copying import File
from containers.host.network import ensure as ensure_network
from containers.jobs import messages
from containers.jobs.handlers import build_actions
from containers.jobs.handlers.build_actions import Work, Workplace
from containers.jobs.handlers.containers import ContainerHandler
from containers.jobs.messages import StepRecorder
from containers.models import Container, Layer, RecipeFile
from containers.services import access, events, hosts, images, outlines, storing
from containers.services.actor import of_job
from containers.services.outlines import Outline

# Signals that it ignores are all but SIGKILL, and children that nobody waits for the kernel forgets.
INIT: Final = """/bin/sh -c "trap '' CHLD; exec sleep 2147483647\""""

# Enough for a build on many processors; what forks without end ends there and not with the host's last process.
MAX_PROCESSES: Final = 8_192

Act = Callable[[Work], None]


class ImageBuildHandler(ContainerHandler):
    """Builds the layer unless the same was built already, then writes the image. Whatever happens, its container goes."""

    outline: Outline
    # What was built from the same before.
    known: Layer | None
    layer: str
    _acts: Mapping[int, Act]
    _place: Workplace
    _made: messages.LayerMade | None = None

    def ref(self) -> ImageRef:
        """Return the image's name and version from the job's row, checked again."""
        return ImageRef.parse(self.target("image"))

    @property
    def name(self) -> str:
        """The build container's name."""
        return building.container_name(self.ref().name, self.job.pk)

    @property
    def builds(self) -> bool:
        """Whether there is anything to build."""
        return self.outline.build.makes_layer and self.known is None

    def scope(self) -> frozenset[str]:
        """Lock the image; to build, the container and the layer; otherwise the layers, so that none goes meanwhile."""
        ref = self.ref()
        self.outline = outlines.of_text(self.inputs["recipe"], self._file_facts())
        self.known = self._known()
        taken = set(hosts.layers().values_list("name", flat=True))
        self.layer = self.known.name if self.known else next(name for name in layer_names(ref) if name not in taken)
        names = {self.name, f"layer:{self.layer}"} if self.builds else {f"layer:{name}" for name in self._stack()}
        return frozenset({f"image:{ref.name}", *names})

    def authorise(self, steps: Sequence[PlanStep]) -> None:
        """Ask for the image alone: the container is the job's own."""
        access.require_job(self.actor, Operation.IMAGE_BUILD, self.inputs, (), ())

    def containers(self) -> frozenset[str]:
        """List the job under its container, if it makes one."""
        return frozenset({self.name}) if self.builds else frozenset()

    def _stack(self) -> tuple[str, ...]:
        own = (self.layer,) if self.outline.build.makes_layer else ()
        return (*self.outline.parents.names, *(name for name in own if name not in self.outline.parents.names))

    def _known(self) -> Layer | None:
        rows = hosts.layers().available().filter(build_key=self.outline.key)
        force = self.inputs.get("force", False)
        return rows.order_by("pk").first() if self.outline.build.makes_layer and not force else None

    def _rows_of_files(self) -> QuerySet[RecipeFile]:
        digests = self.inputs.get("files", {})
        return RecipeFile.objects.filter(recipe__host=self.job.host_id, recipe__name=self.ref().name, path__in=list(digests))

    def _file_facts(self) -> dict[str, FileFacts]:
        """Return the files as they were when the build was asked for; which of them can be run is what it is now."""
        executable = set(self._rows_of_files().filter(is_executable=True).values_list("path", flat=True))
        return {path: FileFacts(digest, path in executable) for path, digest in self.inputs.get("files", {}).items()}

    def _files(self) -> dict[str, File]:
        """Return the files' contents. Raises InvalidRequest where one is not what it was when the build was asked for."""
        digests = self.inputs.get("files", {})
        files = {row.path: File(bytes(row.content), row.is_executable) for row in self._rows_of_files()}
        changed = [
            path
            for path, digest in digests.items()
            if path not in files or hashlib.sha256(files[path].content).hexdigest() != digest
        ]
        if changed:
            raise InvalidRequest(
                f"{', '.join(changed)} changed since the build was asked for", resolution="Build the recipe as it is now."
            )
        return files

    def steps(self) -> Sequence[PlanStep]:
        """Say what is run, line by line; where the layer is there already, only the image is written."""
        if len(self._stack()) > MAX_LAYERS:
            raise InvalidRequest(f"the image would have {len(self._stack())} layers, a container can have {MAX_LAYERS}")
        self._acts, self.subjects, self._looks = {}, {}, {}
        self.secrets = {self.name: self._secrets()}
        steps = self._steps_to_build() if self.builds else self._steps_without()
        self.plan = Plan(self.operation, (), tuple(steps))
        if self.builds:
            row = self._create()
            self.subjects = {self.name: self._subject(row)}
            self._place.subject = self.subjects[self.name]
            return self._with_network(steps)
        return steps

    def _secrets(self) -> set[str]:
        runs = (step.env for step in self.outline.build.steps if isinstance(step, RunStep))
        return set().union(*map(values_of, runs))

    def _steps_without(self) -> list[PlanStep]:
        self._place = self._workplace({})
        steps = []
        if self.known:
            steps.append(PlanStep(1, "", Action.SKIP, f"layer {self.known} was built from the same already", ()))
        image = PlanStep(len(steps) + 1, "", Action.BUILD, f"image {self.ref()}", ())
        self._acts = {image.number: build_actions.make_image}
        return [*steps, image]

    def _steps_to_build(self) -> list[PlanStep]:
        self._place = self._workplace(self._files())
        name = self.name
        chain: list[tuple[str, Action, str, Act]] = [
            (name, Action.START, f"layer {self.layer} is built in it", build_actions.begin),
            *((name, Action.BUILD, f"line {step.line}: {step.summary}", _act(step)) for step in self.outline.build.steps),
            (name, Action.STOP, "all lines are done", build_actions.end),
            ("", Action.BUILD, f"layer {self.layer}", build_actions.measure),
            ("", Action.BUILD, f"image {self.ref()}", build_actions.make_image),
        ]
        steps = [
            PlanStep(number, container, action, reason, (number - 1,) if number > 1 else ())
            for number, (container, action, reason, _) in enumerate(chain, start=1)
        ]
        last = PlanStep(
            len(chain) + 1, name, Action.DESTROY, "it was there to build", tuple(step.number for step in steps), always=True
        )
        self._acts = dict(enumerate((*(act for *_, act in chain), build_actions.clear), start=1))
        return [*steps, last]

    def _workplace(self, files: Mapping[str, File]) -> Workplace:
        return Workplace(
            layout=self.layout,
            layer=self.layer,
            parents=self.outline.parents.names,
            stack=self._stack(),
            ref=self.ref(),
            defaults=self.outline.build.defaults,
            identity=self.outline.build.identity,
            files=files,
        )

    def _create(self) -> Container:
        """Write layer and container, in one go: who finds one without the other knows that the build is over."""
        actor = of_job(self.job)
        with transaction.atomic():
            Layer.objects.create(
                host=self.job.host,
                job=self.job,
                name=self.layer,
                source=LayerSource.BUILD,
                origin=f"recipe of {self.ref()}",
                build_key=self.outline.key,
            )
            (row,) = storing.store(actor, [self._spec()], unavailable=True)
            Container.objects.filter(pk=row.pk).update(build_job=self.job, last_job=self.job)
        row = self._rows().with_definition().get(pk=row.pk)
        events.publish_container(row)
        return row

    def _spec(self) -> ContainerSpec:
        definition = {"build": True, "layers": list(self._stack()), "cmd": INIT, "halt": "SIGKILL"}
        data = {
            "name": self.name,
            "definition": definition,
            "description": f"Builds {self.ref()}",
            "limits": {"pids": MAX_PROCESSES},
        }
        return ContainerSpec.parse(data, idmap_size=settings.IDMAP_SIZE)

    def act(self, step: PlanStep, recorder: StepRecorder) -> None:
        """Do one step; what cleans up is not ended by a cancel."""
        masking = self.masking(recorder, step.container)
        runner = Runner(masking) if step.always else self.runner(masking)
        if step.action == Action.NETWORK:
            ensure_network(settings.BRIDGE, settings.SUBNET, runner)
            return
        with masking.telling_none():
            self._acts[step.number](Work(self._place, runner, masking))

    def keep(self, message: messages.Message) -> None:
        """Write that layer and image are there, both at once, and all that is known of the container."""
        if isinstance(message, messages.LayerMade):
            self._made = message
        elif isinstance(message, messages.ImageMade):
            self._keep_image(message)
        else:
            super().keep(message)
        if isinstance(message, messages.Destroyed):
            hosts.layers().filter(name=self.layer, is_available=False).delete()

    def _keep_image(self, message: messages.ImageMade) -> None:
        if self._made is not None:
            rows = hosts.layers().filter(name=self._made.layer)
            rows.update(is_available=True, size_bytes=self._made.size_bytes, digest=self._made.digest)
        images.write(self.job.host, message.image, message.layers, message.defaults, origin=message.origin)


def _act(step: BuildStep) -> Act:
    return lambda work: build_actions.carry_out(work, step)
