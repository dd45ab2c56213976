"""Real containers in tests: looked at and removed with LXC's own tools, not with the code under test."""

from __future__ import annotations

import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from containers.domain.layout import Layout
from containers.host.command import NullRecorder, Runner
from tests.support.waiting import PATIENCE_S, wait_until


def runner() -> Runner:
    return Runner(NullRecorder(), threading.Event())


def run(*argv: str, check: bool = True) -> str:
    """Run a program of LXC's (or any other) and return its output."""
    result = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(argv)} ended with {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout


def state(layout: Layout, name: str) -> str:
    return run("lxc-info", "-P", str(layout.containers), "-n", name, "-s", "-H", check=False).strip()


def names(layout: Layout) -> list[str]:
    containers = Path(layout.containers)
    return sorted(path.name for path in containers.iterdir()) if containers.is_dir() else []


def remove_all(layout: Layout) -> None:
    """End every container and remove what is left of it, volumes included."""
    for name in names(layout):
        run("lxc-stop", "-k", "-P", str(layout.containers), "-n", name, check=False)
        wait_until(lambda name=name: not is_alive(layout, name), f"{name} is gone")  # type: ignore[misc]
        shutil.rmtree(layout.container(name))
    for volume in Path(layout.volumes).glob("*"):
        shutil.rmtree(volume) if volume.is_dir() and not volume.is_symlink() else volume.unlink()


def mounts(layout: Layout, name: str = "") -> list[str]:
    """Mount points below a container's directory, or below all."""
    top = str(layout.container(name) if name else layout.containers) + "/"
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(top)]


def is_alive(layout: Layout, name: str) -> bool:
    """Whether anything of a run is left: its mounts, its monitor's socket, the monitor that still runs hooks."""
    title = f"[lxc monitor] {layout.containers} {name}"
    return bool(mounts(layout, name)) or command_socket(layout, name) or title in titles()


def titles() -> set[str]:
    """The command lines of all processes."""
    found = set()
    for pid in Path("/proc").iterdir():
        if pid.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                found.add((pid / "cmdline").read_text(errors="replace").rstrip("\0 "))
    return found


def command_socket(layout: Layout, name: str) -> bool:
    """Whether LXC's monitor process of the container lives: it holds an abstract socket."""
    return f"{layout.containers}/{name}/command" in Path("/proc/net/unix").read_text()


def leftovers(layout: Layout) -> list[str]:
    """What a run should have taken away: mounts, processes, cgroups, directories."""
    found = [f"mount {point}" for point in mounts(layout)]
    found += [f"directory {name}" for name in names(layout)]
    found += [f"socket {name}" for name in names(layout) if command_socket(layout, name)]
    return found
