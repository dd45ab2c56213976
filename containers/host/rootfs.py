"""A container's root filesystem on the host: whether it is mounted, and mounting it while the container is stopped."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from containers.domain.layout import Layout
from containers.domain.lxc_config import parse
from containers.errors import CommandFailed, Conflict, HostError, MountFailed
from containers.host.command import Runner
from containers.host.facts import is_running

_TIMEOUT_S: Final = 60
_MOUNTINFO: Final = Path("/proc/self/mountinfo")


def is_mounted(layout: Layout, name: str) -> bool:
    """Return whether something is mounted at the container's rootfs. The kernel is asked, not our memory."""
    # Our paths hold nothing that mountinfo would escape.
    return f" {layout.rootfs(name)} " in _MOUNTINFO.read_text(errors="surrogateescape")


def mounted_names(layout: Layout) -> set[str]:
    """Return the containers at whose rootfs something is mounted, with one read for all."""
    pattern = re.compile(rf" {re.escape(os.fspath(layout.containers))}/([^/ ]+)/rootfs ")
    return set(pattern.findall(_MOUNTINFO.read_text(errors="surrogateescape")))


def layers(layout: Layout, name: str) -> tuple[str, ...]:
    """Return the layers that a root filesystem is mounted from, the lowest first; if it is not, those of the last time.

    The definition may say something else by now. Raises HostError where there is no configuration.
    """
    if (mounted := _overlays(layout).get(name)) is not None:
        return mounted
    words = _hook_command(layout, name, "lxc.hook.pre-start")[5:]
    end = words.index("--") if "--" in words else len(words)
    return tuple(word for word in words[:end] if word != "--build")


def mounted_layers(layout: Layout) -> dict[str, list[str]]:
    """Return the layers that root filesystems are mounted from now, each with the names of the containers."""
    found: dict[str, list[str]] = {}
    for name in sorted(_mounted(layout)):
        for layer in layers(layout, name):
            found.setdefault(layer, []).append(name)
    return found


def _mounted(layout: Layout) -> dict[str, str]:
    """Return the containers whose root filesystems are mounted, each with what mountinfo says of the file system."""
    found = {}
    for line in _MOUNTINFO.read_text(errors="surrogateescape").splitlines():
        point, _, filesystem = line.partition(" - ")
        path = Path(point.split()[4])
        if path.name == "rootfs" and path.parent.parent == layout.containers:
            found[path.parent.name] = filesystem
    return found


def _overlays(layout: Layout) -> dict[str, tuple[str, ...]]:
    """Return the layers of the root filesystems that are overlays, the lowest first, as the kernel has them."""
    mounted = ((name, text) for name, text in _mounted(layout).items() if text.startswith("overlay "))
    return {name: _layers_of(text) for name, text in mounted}


def _layers_of(filesystem: str) -> tuple[str, ...]:
    """Read "overlay overlay rw,lowerdir=top:base,upperdir=…": names relative to the layers, see `hook.mount_overlay`."""
    options = [option.partition("=") for option in filesystem.split(" ")[-1].split(",")]
    # Newer kernels show each in an option of its own.
    lower = [name for key, _, value in options if key in ("lowerdir", "lowerdir+") for name in value.split(":")]
    upper = [value for key, _, value in options if key == "upperdir" and "/" not in value]
    return (*reversed(lower), *upper)


def mount(layout: Layout, name: str, runner: Runner) -> bool:
    """Mount a stopped container's rootfs exactly as its start would; return whether that changed anything."""
    _require_stopped(layout, name)
    if is_mounted(layout, name):
        return False
    _run_hook(layout, name, runner, "lxc.hook.pre-start")
    return True


def unmount(layout: Layout, name: str, runner: Runner) -> bool:
    """Unmount a stopped container's rootfs and empty its ephemeral layer; return whether that changed anything."""
    _require_stopped(layout, name)
    if not is_mounted(layout, name):
        return False
    _run_hook(layout, name, runner, "lxc.hook.post-stop")
    return True


def _require_stopped(layout: Layout, name: str) -> None:
    if is_running(layout, name):
        raise Conflict(f"{name} is running: its root filesystem is in use")


def _run_hook(layout: Layout, name: str, runner: Runner, key: str) -> None:
    """Run what the LXC configuration says for a hook, so that both ways lead to the same mount."""
    python, isolated, no_site, program, verb, *words = _hook_command(layout, name, key)
    if program != os.fspath(layout.hook):
        raise HostError(f"the configuration of {name} was not written for {layout.data_dir}")
    try:
        runner.run([python, isolated, no_site, program, verb, "--name", name, *words], timeout_s=_TIMEOUT_S)
    except CommandFailed as error:
        raise MountFailed(f"{name}: {error.output.strip() or error.brief}", error.output) from error


def _hook_command(layout: Layout, name: str, key: str) -> list[str]:
    try:
        text = layout.config(name).read_text()
    except FileNotFoundError:
        raise HostError(f"{name} has no LXC configuration yet") from None
    values = [value for item, value in parse(text) if item == key]
    if len(values) != 1 or len(words := values[0].split()) < 5:
        raise HostError(f"the configuration of {name} has no usable {key}")
    return words
