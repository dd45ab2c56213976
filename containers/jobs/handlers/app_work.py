"""What jobs on installed apps are made of: images, volumes, containers, steps inside them, each a part of the job."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from django.conf import settings

from containers.catalog import apps, installed
from containers.catalog.apps import App
from containers.choices import LayerSource
from containers.domain.amounts import size
from containers.domain.bases import BASES
from containers.domain.build import SEARCH_PATH
from containers.domain.installation import InnerStep, Outline, VolumeFile, VolumeUse
from containers.domain.layout import Layout
from containers.domain.manifest import Phase
from containers.domain.origin import SOURCE_NAME
from containers.domain.plan import Action
from containers.domain.spec import ContainerSpec
from containers.domain.states import Operation
from containers.domain.text import shown
from containers.errors import Cancelled, Conflict, HostError, SpocError
from containers.host import app_folders, directories, facts, files, layers, ports, system, volume_copies, volume_files, volumes
from containers.host.command import Runner
from containers.host.copying import File
from containers.host.lxc import Lxc
from containers.jobs import messages
from containers.jobs.handlers.app_images import AppImageHandler, BusyboxLayerHandler
from containers.jobs.handlers.containers import ContainerHandler
from containers.jobs.handlers.fetching import ImageFetchHandler
from containers.jobs.handlers.layers import LayerBootstrapHandler
from containers.jobs.handlers.publishing import PublishHandler
from containers.jobs.masking import MaskingRecorder
from containers.jobs.messages import Message, StepRecorder, VolumeMade
from containers.jobs.parts import Doing, Parts
from containers.models import Image, Installation, Job, Layer
from containers.services import app_images, hosts
from containers.services import volumes as volume_service
from containers.services.actor import Actor, of_job

BASE_WAIT_S: Final = 3600
POLL_S: Final = 0.5
# Variables by way of standard input: a command line is everybody's to see.
_WITH_ENV: Final = 'eval "$(cat)" && exec "$@"'


class Work:
    """One job at work on one installation."""

    def __init__(self, job: Job, parts: Parts, layout: Layout) -> None:
        self.job = job
        self.parts = parts
        self.layout = layout

    @property
    def actor(self) -> Actor:
        """Who asked for the job; looked up anew, since it may take hours."""
        return of_job(self.job)

    def uninterrupted(self) -> Work:
        """Return the same, for what brings things in order: a cancel does not end it."""
        return Work(self.job, self.parts.uninterrupted(), self.layout)

    # Before anything is made

    def check_host(self, app: App, made: Outline, *, new_volumes: Iterable[str] = ()) -> None:
        """Look at what rows do not say: ports that programs have, room on the disk, memory, volumes that are there."""
        self.parts.actions(
            [Doing("", Action.CHECK, "ports, disk, memory, names", partial(self._check, app, made, list(new_volumes)))]
        )

    def _check(self, app: App, made: Outline, new_volumes: Sequence[str], runner: Runner, recorder: StepRecorder) -> None:
        taken = ports.listening()
        for port in made.ports:
            if port.port in taken:
                program = shown(ports.program_on(port.port)) or "a program"
                raise Conflict(f"{program} of the host listens on port {port.port}", resolution="Choose another port.")
        for name in new_volumes:
            if self.layout.volume(name).exists():
                raise Conflict(f"there is a volume {name} already", resolution="Adopt it, or choose another name.")
        wanted = app.manifest.requirements
        if (free := files.free_bytes(self.layout.data_dir)) < wanted.disk:
            raise HostError(f"{size(wanted.disk)} of disk are needed, {size(free)} are free")
        if (available := system.available_memory()) < wanted.memory:
            raise HostError(f"{size(wanted.memory)} of memory are needed, {size(available)} are available")
        recorder.note(f"{size(free)} of disk and {size(available)} of memory are free")

    # Images

    def images(self, app: App) -> None:
        """Make the base systems that are missing, and build or fetch the images. What is there already stays."""
        for base in app_images.missing_bases(app):
            self._base(base)
        for key, source in app.manifest.images.items():
            if source.recipe:
                self.parts.carry_out(partial(AppImageHandler, app=app, key=key), Operation.IMAGE_BUILD, [])
            elif source.repository and not Image.objects.filter(host=self.job.host, **vars_of(app, key)).exists():
                given = {"repository": app.repository_of(key)}
                self.parts.run(ImageFetchHandler, Operation.IMAGE_FETCH, [str(app.manifest.image_ref(key))], given)

    def _base(self, name: str) -> None:
        base = BASES[name]
        source = LayerSource.DEMO if base is None else LayerSource.BOOTSTRAP
        origin = "the host's busybox" if base is None else f"Debian {base.suite}"
        about = {"job": self.job, "source": source, "origin": origin}
        deadline = time.monotonic() + BASE_WAIT_S
        while True:
            row, made = Layer.objects.get_or_create(host=self.job.host, name=name, defaults=about)
            if made or row.is_available:
                break
            self.parts.pause(POLL_S)
            if time.monotonic() > deadline:
                raise Conflict(f"another job makes the base system {name}", resolution="Try again when it has ended.")
        if made and base is None:
            self.parts.run(BusyboxLayerHandler, Operation.LAYER_BOOTSTRAP, [name])
        elif made and base is not None:
            self.parts.run(LayerBootstrapHandler, Operation.LAYER_BOOTSTRAP, [name], base.model_dump(exclude_defaults=True))

    def specs(self, app: App, made: Outline) -> dict[str, ContainerSpec]:
        """Return the containers on the images as they are now, by what the app calls them."""
        stacks = {key: app_images.stack(str(app.manifest.image_ref(key))) for key in app.manifest.images}
        found = made.specs(stacks, idmap_size=settings.IDMAP_SIZE)
        return dict(zip(made.containers, found, strict=True))

    # What the app is

    def keep_app(self, row: Installation, app: App) -> str:
        """Keep a copy of the app's folder with the installation, and where it is from; return what the copy is called."""
        digest, facts = installed.digest(app), apps.facts(app.folder)
        folder = {path: File(content, facts[path].is_executable) for path, content in app.folder.items()}
        if app.is_source_known:
            folder[SOURCE_NAME] = File(app.source.encode())
        what = f"{app.manifest.title} {app.manifest.version} as it is installed"
        self.parts.actions([Doing("", Action.WRITE, what, partial(self._keep_app, row.name, digest, folder))])
        return digest

    def _keep_app(self, name: str, digest: str, folder: Mapping[str, File], runner: Runner, recorder: StepRecorder) -> None:
        if not app_folders.keep(self.layout, name, digest, folder):
            recorder.note("is there already")

    def forget_apps(self, row: Installation, *but: str) -> None:
        """Remove the copies of the app's folder but those that are called so."""
        if app_folders.surplus(self.layout, row.name, but):
            what = "copies of the app that are needed no more"
            self.parts.actions([Doing("", Action.REMOVE, what, partial(self._forget, row.name, but))])

    def _forget(self, name: str, but: Sequence[str], runner: Runner, recorder: StepRecorder) -> None:
        app_folders.remove(self.layout, name, but)

    # Volumes

    def fill(self, app: App, made: Outline, *, first: Sequence[Doing] = ()) -> None:
        """Make the volumes that are missing, and write the app's files into them."""
        doings = [Doing("", Action.CREATE, f"volume {use.name}", partial(self._make_volume, use)) for use in made.volumes]
        doings += first
        doings += [
            Doing("", Action.WRITE, f"file {file.path} in the volume {file.volume}", partial(self._write, file))
            for file in made.files(app.files)
        ]
        self.parts.actions(doings, self.keep_volume)

    def _make_volume(self, use: VolumeUse, runner: Runner, recorder: StepRecorder) -> None:
        ids = {"uid": settings.IDMAP_BASE + use.uid, "gid": settings.IDMAP_BASE + use.gid}
        if directories.ensure_volume(self.layout, use.name, is_file=False, **ids):
            recorder.tell(VolumeMade(step=recorder.step, volume=use.name, is_file=False))
        else:
            recorder.note("is there already")

    def _write(self, file: VolumeFile, runner: Runner, recorder: StepRecorder) -> None:
        ids = {"uid": settings.IDMAP_BASE + file.uid, "gid": settings.IDMAP_BASE + file.gid}
        if not volume_files.write(self.layout, file.volume, file.path, file.content, mode=file.mode, once=file.once, **ids):
            recorder.note("is there already")

    def keep_volume(self, message: Message) -> None:
        """Write to its row that a volume is there, or gone."""
        if isinstance(message, messages.VolumeMade):
            volume_service.record_made(self.job.host, {message.volume: message.is_file})
        if isinstance(message, messages.VolumeGone):
            volume_service.record_removed(self.job.host, [message.volume])

    def copy_volumes(self, copies: Mapping[str, str]) -> None:
        """Copy volumes, {volume: name of its copy}; nothing writes to them meanwhile."""
        doings = [
            Doing("", Action.COPY, f"volume {volume} to {name}", partial(self._copy, volume, name))
            for volume, name in copies.items()
        ]
        self.parts.actions(doings, self.keep_volume)

    def _copy(self, volume: str, name: str, runner: Runner, recorder: StepRecorder) -> None:
        taken = volume_copies.copy(self.layout, runner, volume, name)
        recorder.note(f"{size(taken)} copied")
        recorder.tell(VolumeMade(step=recorder.step, volume=name, is_file=False))

    def put_back(self, copies: Mapping[str, str]) -> None:
        """Put the copies of volumes in their places; those that are there no more were put back before."""
        doings = [
            Doing("", Action.PUT_BACK, f"volume {volume} as it was", partial(self._put_back, volume, name))
            for volume, name in copies.items()
        ]
        self.parts.actions(doings, self.keep_volume)

    def _put_back(self, volume: str, name: str, runner: Runner, recorder: StepRecorder) -> None:
        if not volume_copies.put_back(self.layout, volume, name):
            recorder.note("it is as it was")
        volumes.remove_set_aside(self.layout)
        recorder.tell(messages.VolumeGone(step=recorder.step, volume=name))

    def remove_volumes(self, names: Sequence[str]) -> None:
        """Remove volumes; those that are gone already are fine."""
        doings = [Doing("", Action.REMOVE, f"volume {name}", partial(self._remove_volume, name)) for name in names]
        self.parts.actions(doings, self.keep_volume)

    def _remove_volume(self, name: str, runner: Runner, recorder: StepRecorder) -> None:
        volumes.set_aside(self.layout, name)
        volumes.remove_set_aside(self.layout)
        recorder.tell(messages.VolumeGone(step=recorder.step, volume=name))

    # Containers

    def names(self, row: Installation) -> list[str]:
        """Return the installation's containers."""
        return list(row.containers.values_list("container__name", flat=True))

    def up(self, row: Installation) -> list[str]:
        """Return those of its containers that run now; the host is asked."""
        running = facts.running_names(self.layout)
        return [name for name in self.names(row) if name in running]

    def do(self, operation: Operation, names: Iterable[str], **inputs: object) -> None:
        """Do an operation on those of the containers that are there."""
        there = hosts.containers().filter(name__in=list(names)).values_list("name", flat=True)
        if targets := sorted(there):
            self.parts.run(ContainerHandler, operation, targets, inputs)

    def steps(self, made: Outline, phase: Phase) -> None:
        """Run an app's steps inside its containers; for the last time, in those alone that run."""
        running = set(facts.running_names(self.layout))
        steps = [step for step in made.steps(phase) if phase != Phase.UNINSTALL or step.container in running]
        secrets = made.answers.secrets.values()
        self.parts.actions(
            [Doing(step.container, Action.EXECUTE, step.title, partial(self._step, step, list(secrets))) for step in steps]
        )

    def _step(self, step: InnerStep, secrets: Sequence[str], runner: Runner, recorder: StepRecorder) -> None:
        masking = MaskingRecorder(recorder, secrets)
        lxc = Lxc(self.layout, Runner(masking, runner.cancel))
        try:
            uid, gid = lxc.resolve_ids(step.container, step.user, None) if step.user else (None, None)
            lxc.attach(
                step.container,
                ["/bin/sh", "-c", _WITH_ENV, step.title, *step.argv],
                uid=uid,
                gid=gid,
                input=_assignments(step.env).encode(),
                timeout_s=step.timeout_s,
            )
        except Cancelled:
            raise
        except SpocError as error:
            raise masking.masked(error, step.title) from None

    # The end

    def publish(self) -> None:
        """Lead on the ports that the rows say."""
        self.parts.run(PublishHandler, Operation.NETWORK, [])

    def remove_images(self, row: Installation) -> None:
        """Remove the images that the installation's last job has made, and their layers, unless something uses them by now.

        What they stand on stays. A layer cannot be used any more before it goes, and its row goes last.
        """
        if row.job is None:
            return
        self.do(Operation.DESTROY, hosts.containers().filter(build_job=row.job).values_list("name", flat=True))
        names = app_images.withdraw(row.job)
        doings = [Doing("", Action.REMOVE, f"layer {name}", partial(self._remove_layer, name)) for name in names]
        self.parts.actions(doings)
        Layer.objects.filter(host=self.job.host, name__in=names, uses=None, image_uses=None).delete()

    def _remove_layer(self, name: str, runner: Runner, recorder: StepRecorder) -> None:
        layers.remove(self.layout, runner, name)


def vars_of(app: App, key: str) -> dict[str, str]:
    """Return name and version of an image of the app."""
    ref = app.manifest.image_ref(key)
    return {"name": ref.name, "version": ref.version}


def _assignments(env: Mapping[str, str]) -> str:
    lines = [f': "${{PATH:={SEARCH_PATH}}}"; export PATH', *(f"export {key}={shlex.quote(value)}" for key, value in env.items())]
    return "\n".join(lines) + "\n"
