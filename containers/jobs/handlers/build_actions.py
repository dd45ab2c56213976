"""What each step of a build does. Runs in a step's thread: no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from containers.domain.build import BuildStep, CopyStep, DirectoryStep, Identity, RunStep
from containers.domain.image import Defaults, ImageRef
from containers.domain.layout import Layout
from containers.domain.names import container_name
from containers.errors import CommandFailed, CommandTimeout
from containers.host import accounts, build_layer, copying, identities, layers, leftovers, monitors, resolver, room
from containers.host.command import Runner
from containers.host.copying import File
from containers.host.lxc import Lxc
from containers.jobs.handlers import actions
from containers.jobs.messages import ImageMade, LayerMade, StepRecorder

RUN_TIMEOUT_S: Final = 24 * 3600
# What a package manager prints is worth reading to its end.
OUTPUT_CAP: Final = 4 << 20


@dataclass
class Workplace:
    """One build. `parents` are the layers below the new one, `stack` all of the image's, the lowest first."""

    layout: Layout
    layer: str
    parents: tuple[str, ...]
    stack: tuple[str, ...]
    ref: ImageRef
    defaults: Defaults
    identity: Identity | None
    files: Mapping[str, File]
    # The container that it is built in, if it is.
    subject: actions.Subject | None = None
    # What was put into /etc/resolv.conf.
    resolver: str = ""
    is_complete: bool = False


@dataclass(frozen=True)
class Work:
    """One step at work. The steps of a build follow one another, so they share a workplace without a lock."""

    place: Workplace
    runner: Runner
    recorder: StepRecorder

    @property
    def task(self) -> actions.Task:
        """The step as one on the container."""
        if self.place.subject is None:
            raise LookupError("this build needs no container")
        lxc = Lxc(self.place.layout, self.runner)
        return actions.Task(self.place.subject, {}, self.place.layout, self.runner, self.recorder, lxc)

    def ids(self, identity: Identity) -> tuple[int, int]:
        """Return the numbers of user and group, by the image's own files as they are now."""
        paths = [self.place.layout.layer(name) for name in self.place.stack]
        return identities.resolve(accounts.ask(paths), identity.uid, identity.gid)


def begin(work: Work) -> None:
    """Make the layer's directory and start the container that is to write into it."""
    place = work.place
    place.resolver = resolver.text()
    if not place.resolver:
        work.recorder.note("the host has no name server that a container could reach")
    build_layer.prepare(place.layout, place.layer, place.parents, place.resolver, idmap_base=settings.IDMAP_BASE)
    actions.start(work.task)


def carry_out(work: Work, step: BuildStep) -> None:
    """Do what one line says. Errors name the line."""
    try:
        _carry_out(work, step)
    except CommandTimeout:
        raise
    except CommandFailed as error:
        reason = error.brief.removeprefix(f"{container_name(work.task.name)}: ")
        text = f"line {step.line}: {reason}"
        raise CommandFailed(text, argv=error.argv, exit_code=error.exit_code, output=error.output) from error


def _carry_out(work: Work, step: BuildStep) -> None:
    lxc, name = work.task.lxc, work.task.name
    if isinstance(step, RunStep):
        _run(work, step)
    elif isinstance(step, CopyStep):
        files = {below: work.place.files[path] for below, path in step.files.items()}
        texts = {below: File(text.encode()) for below, text in step.texts.items()}
        copying.copy(lxc, name, {**files, **texts}, step.destination, names_file=step.names_file)
    elif isinstance(step, DirectoryStep):
        copying.make_directory(lxc, name, step.path)


def _run(work: Work, step: RunStep) -> None:
    """Run a command; what it leaves running ends with it, as if it had had a container of its own.

    Raises HostError before the disk is full.
    """
    task = work.task
    layer = work.place.layout.layer(work.place.layer)
    uid, gid = work.ids(step.identity)
    task.lxc.attach(
        task.name,
        step.argv,
        uid=uid,
        gid=gid,
        cwd=step.cwd,
        env=step.env,
        input=None if step.script is None else step.script.encode(),
        timeout_s=RUN_TIMEOUT_S,
        output_cap=OUTPUT_CAP,
        watch=lambda: room.require(layer),
    )
    init = monitors.init_of(monitors.find(task.layout, task.name))
    if init is not None and (count := leftovers.end(init, work.runner)):
        work.recorder.note(
            f"ended {count} processes that it left running" if count > 1 else "ended a process that it left running"
        )


def end(work: Work) -> None:
    """Stop the container."""
    actions.stop(work.task)


def measure(work: Work) -> None:
    """Take out of the layer what was there for the build alone, and look at what is left."""
    place = work.place
    build_layer.finish(place.layout, place.layer, place.parents, place.resolver)
    layers.sync(place.layout.layer(place.layer), work.runner)
    made = layers.measure(place.layout, work.runner, place.layer, idmap_base=settings.IDMAP_BASE, idmap_size=settings.IDMAP_SIZE)
    step = work.recorder.step
    work.recorder.tell(LayerMade(step=step, layer=place.layer, size_bytes=made.size_bytes, digest=made.digest))


def make_image(work: Work) -> None:
    """Say what the image consists of. Raises NotFound where it has no user as the recipe names."""
    place = work.place
    defaults = place.defaults
    if place.identity is not None:
        uid, gid = work.ids(place.identity)
        ids = {"uid": str(uid), "gid": str(gid)}
        defaults = Defaults.parse({**defaults.export(), **ids}, idmap_size=settings.IDMAP_SIZE)
    origin = f"recipe of {place.ref.name}"
    image = ImageMade(step=work.recorder.step, image=place.ref, layers=place.stack, defaults=defaults, origin=origin)
    work.recorder.tell(image)
    place.is_complete = True


def clear(work: Work) -> None:
    """Remove the container, and the layer that came to nothing; whatever is gone already is fine."""
    task, place = work.task, work.place
    task.lxc.kill(task.name)
    actions.destroy(task)
    if not place.is_complete:
        layers.remove(place.layout, work.runner, place.layer)
