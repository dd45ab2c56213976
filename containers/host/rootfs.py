"""A container's root filesystem on the host: whether it is mounted, and mounting it while the container is stopped."""

from __future__ import annotations

import os
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


def layers(layout: Layout, name: str) -> tuple[str, ...]:
    """Return the layers that a mounted root filesystem is made of, the lowest first: as the last start wrote them.

    The definition may say something else by now. Raises HostError where there is no configuration.
    """
    words = _hook_command(layout, name, "lxc.hook.pre-start")[5:]
    end = words.index("--") if "--" in words else len(words)
    return tuple(word for word in words[:end] if word != "--build")


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
