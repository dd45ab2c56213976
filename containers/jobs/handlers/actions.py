"""What each action of a plan does to one container. Runs in a step's thread: no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from django.conf import settings

from containers.domain import drift
from containers.domain.layout import Layout
from containers.domain.lxc_config import ConfigContext, render
from containers.domain.plan import Action
from containers.domain.spec import ContainerSpec
from containers.domain.states import State
from containers.errors import CommandFailed, HostError, InvalidRequest
from containers.host import config, directories, keeping, live_limits, metrics, monitors, rootfs, system
from containers.host.command import Runner
from containers.host.console import Console
from containers.host.facts import Look
from containers.host.lxc import Lxc
from containers.jobs.messages import (
    ConfigWritten,
    Created,
    Destroyed,
    Looked,
    Mounted,
    Ready,
    Repaired,
    Started,
    StepRecorder,
    VolumeMade,
)

# A readiness check that is only asked "still ready?" gets this long.
RECHECK_S: Final = 5
# An init that cannot run ends within a few milliseconds.
SETTLE_S: Final = 0.05
EXECUTE_TIMEOUT_S: Final = 24 * 3600
# How long LXC may take to clean up by itself what a lost job has left.
TIDY_TIMEOUT_S: Final = 120


@dataclass(frozen=True)
class Subject:
    """A container as a step sees it. `spec`, or what is wrong with it, is there for the steps that need a definition."""

    name: str
    spec: ContainerSpec | InvalidRequest | None
    address: str
    is_created: bool
    revision: int
    digest: str
    stop_timeout_s: int
    config_digest: str
    is_mounted: bool
    # What runs was started with what is saved.
    is_in_effect: bool
    # To be removed with the container.
    volumes: tuple[str, ...]

    @property
    def valid_spec(self) -> ContainerSpec:
        """The definition. Raises InvalidRequest, and LookupError in a step that the handler did not validate it for."""
        if isinstance(self.spec, InvalidRequest):
            raise self.spec
        if self.spec is None:
            raise LookupError(f"the definition of {self.name} was not validated")
        return self.spec


@dataclass(frozen=True)
class Task:
    """One step at work. `inputs` are the job's, for its targets alone."""

    subject: Subject
    inputs: Mapping[str, Any]
    layout: Layout
    runner: Runner
    recorder: StepRecorder
    lxc: Lxc

    @property
    def name(self) -> str:
        """The container's name."""
        return self.subject.name

    def look(self) -> Look:
        """Ask LXC for the state and pass it on to the row."""
        look = self.lxc.look(self.name)
        self.recorder.tell(Looked(step=self.recorder.step, look=look))
        return look


def is_ready(lxc: Lxc, name: str, command: str) -> bool:
    """Run a running container's readiness check once."""
    try:
        lxc.attach(name, ["/bin/sh", "-c", command], timeout_s=RECHECK_S)
    except CommandFailed:
        return False
    return True


def create(task: Task) -> None:
    """Make the container's directories and volumes and write its configuration; safe to repeat."""
    _put_in_place(task, tells=True)


def _put_in_place(task: Task, *, tells: bool = False) -> None:
    """Make what is missing; that of a container whose creation was lost is told of now, so that all know its address."""
    spec = task.subject.valid_spec
    directories.create(task.layout, task.name, idmap_base=settings.IDMAP_BASE)
    for mount in spec.definition.mount_specs:
        made = directories.ensure_volume(
            task.layout,
            mount.volume,
            is_file=mount.is_file,
            uid=settings.IDMAP_BASE + int(spec.definition.uid or 0),
            gid=settings.IDMAP_BASE + int(spec.definition.gid or 0),
        )
        if made:
            task.recorder.note(f"volume {mount.volume} is new and empty")
            task.recorder.tell(VolumeMade(step=task.recorder.step, volume=mount.volume, is_file=mount.is_file))
    _write_config(task)
    if tells or not task.subject.is_created:
        task.recorder.tell(Created(step=task.recorder.step))


def _write_config(task: Task) -> None:
    text = render(task.subject.valid_spec, task.subject.address, config_context(task.layout))
    digest = sha256(text.encode()).hexdigest()
    if config.write(task.layout, task.name, text, task.runner) or digest != task.subject.config_digest:
        task.recorder.tell(ConfigWritten(step=task.recorder.step, digest=digest))


def config_context(layout: Layout) -> ConfigContext:
    """Return what this host decides about each configuration."""
    return ConfigContext(
        layout=layout,
        bridge=settings.BRIDGE,
        subnet=settings.SUBNET,
        idmap_base=settings.IDMAP_BASE,
        idmap_size=settings.IDMAP_SIZE,
        cgroup2=system.has_cgroup2(),
        apparmor=system.has_apparmor(),
    )


def start(task: Task) -> None:
    """Start the container and wait until it is ready.

    With a one-off command it runs that in place of its own, and is up as soon as it runs.
    """
    command = task.inputs.get("command")
    _put_in_place(task)
    task.recorder.tell(Mounted(step=task.recorder.step, mounted=False))
    console = Console(task.layout, task.name)
    look = task.lxc.start(task.name, command=command, timeout_s=task.subject.valid_spec.timeouts.start)
    task.recorder.tell(Started(step=task.recorder.step))
    task.recorder.tell(Looked(step=task.recorder.step, look=look))
    if command is None:
        with console.quoted():
            _await_ready(task, look)


def _await_ready(task: Task, look: Look) -> None:
    spec = task.subject.valid_spec
    if look.state != State.RUNNING or (spec.definition.ready is None and _ends_at_once(look)):
        task.look()
        raise HostError(
            f"{task.name} ended right after its start",
            resolution="Look at its log: what it runs as init should stay in the foreground",
        )
    if spec.definition.ready is None:
        return
    is_ready = False
    try:
        task.lxc.wait_ready(task.name, spec.definition.ready, timeout_s=spec.timeouts.ready)
        is_ready = True
    finally:
        task.recorder.tell(Ready(step=task.recorder.step, ready=is_ready))


def _ends_at_once(look: Look) -> bool:
    """Whether init ends before it can have done anything: all that can be asked where there is no readiness check."""
    with monitors.watching(look.pid) as init:
        return monitors.has_ended(init, SETTLE_S)


def wait(task: Task) -> None:
    """Wait until a container that runs already is ready."""
    _await_ready(task, task.look())


def stop(task: Task) -> None:
    """Ask init to end, kill what is left after the time-out, and wait until nothing of the run remains."""
    if task.lxc.stop(task.name, timeout_s=task.subject.stop_timeout_s):
        task.recorder.note(f"did not end within {task.subject.stop_timeout_s} s and was killed")
    task.look()


def kill(task: Task) -> None:
    """End the container at once."""
    task.lxc.kill(task.name)
    task.look()


def freeze(task: Task) -> None:
    """Suspend all processes of the container."""
    task.lxc.freeze(task.name)
    task.look()


def unfreeze(task: Task) -> None:
    """Let a frozen container go on, and wait until it is ready."""
    _ = task.subject.valid_spec
    task.lxc.unfreeze(task.name)
    _await_ready(task, task.look())


def execute(task: Task) -> None:
    """Run a command in the running container, or start the stopped one for it alone.

    Raises CommandFailed where it ends with anything but 0.
    """
    argv, uid, gid = task.inputs["command"], task.inputs.get("uid"), task.inputs.get("gid")
    if task.look().state == State.STOPPED:
        _put_in_place(task)
        task.recorder.tell(Mounted(step=task.recorder.step, mounted=False))
        task.lxc.execute_stopped(task.name, argv, uid=uid, gid=gid, timeout_s=EXECUTE_TIMEOUT_S)
        task.look()
        return
    numbers = task.lxc.resolve_ids(task.name, uid, gid)
    task.lxc.attach(task.name, argv, uid=numbers[0], gid=numbers[1], timeout_s=EXECUTE_TIMEOUT_S)


def repair(task: Task) -> None:
    """Bring file, limits and mounts to what the definition says; what else runs with other settings needs a restart."""
    _write_config(task)
    look = task.look()
    if look.state == State.STOPPED:
        if not task.subject.is_mounted and rootfs.is_mounted(task.layout, task.name):
            rootfs.unmount(task.layout, task.name, task.runner)
    elif task.subject.is_in_effect:
        _set_limits(task, look)
    else:
        task.recorder.note("the limits that are saved take effect with a restart")
    task.recorder.tell(Repaired(step=task.recorder.step))


def _set_limits(task: Task, look: Look) -> None:
    limits = task.subject.valid_spec.limits
    groups = metrics.groups_of(task.name, look.pid) if look.pid else None
    live = live_limits.read(groups) if groups else None
    if live is not None and (entries := drift.of_limits(limits, live)):
        keys = [entry.key.removeprefix("limits.") for entry in entries]
        live_limits.write(task.layout, task.name, limits, keys, task.runner, cgroup2=system.has_cgroup2())


def mount(task: Task) -> None:
    """Mount the root filesystem of the stopped container."""
    _put_in_place(task)
    rootfs.mount(task.layout, task.name, task.runner)
    task.recorder.tell(Mounted(step=task.recorder.step, mounted=True))


def unmount(task: Task) -> None:
    """Unmount the root filesystem of the stopped container; nothing happens when it is not mounted."""
    rootfs.unmount(task.layout, task.name, task.runner)
    task.recorder.tell(Mounted(step=task.recorder.step, mounted=False))


def destroy(task: Task) -> None:
    """Remove all that the host has of the container, whatever is gone already; volumes only if asked for."""
    directories.destroy(task.layout, task.name, task.runner)
    for volume in task.subject.volumes:
        directories.remove_volume(task.layout, volume)
    task.recorder.tell(Destroyed(step=task.recorder.step))


def tidy(task: Task) -> None:
    """Look again at a container whose job was lost, and remove what an interrupted run left."""
    if keeping.thaw(task.layout, task.runner, task.name):
        task.recorder.note("a job that vanished had frozen it: it goes on")
    if task.look().state == State.STOPPED:
        task.lxc.wait_stopped(task.name, timeout_s=TIDY_TIMEOUT_S)
        task.recorder.tell(Mounted(step=task.recorder.step, mounted=False))


ACTIONS: Final[Mapping[Action, Callable[[Task], None]]] = {
    Action.CREATE: create,
    Action.START: start,
    Action.WAIT: wait,
    Action.STOP: stop,
    Action.KILL: kill,
    Action.FREEZE: freeze,
    Action.UNFREEZE: unfreeze,
    Action.EXECUTE: execute,
    Action.REPAIR: repair,
    Action.MOUNT: mount,
    Action.UNMOUNT: unmount,
    Action.DESTROY: destroy,
    Action.TIDY: tidy,
}
