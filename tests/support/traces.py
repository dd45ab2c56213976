"""What containers leave on a host, looked for in the kernel and in directories, not with the code under test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from containers.domain.layout import Layout

PROC = Path("/proc")


def traces(layout: Layout, bridge: str, names: Iterable[str] = ()) -> list[str]:
    """Everything that is left of containers that are gone; an empty list is what a test wants."""
    return [
        *(f"directory {path.name}" for path in _entries(layout.containers)),
        *(f"mount {point}" for point in mounts(layout.data_dir)),
        *(f"veth {name}" for name in veths(bridge)),
        *(f"cgroup {path}" for name in names for path in cgroups(name)),
        *(f"process {title}" for title in processes(layout)),
        *(f"socket {name}" for name in sockets(layout)),
        *(f"lock {path.name}" for path in _entries(layout.locks)),
        *(f"file {path.name}" for path in _entries(layout.run_dir / "lxc")),
        *(f"log {path.name}" for path in _entries(layout.log_dir) if path.is_file()),
        *(f"unfinished layer {path.name}" for path in _entries(layout.layers) if path.name.startswith(".")),
    ]


def mounts(below: Path) -> list[str]:
    """Mount points below a directory."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{below}/")]


def veths(bridge: str) -> list[str]:
    """What is plugged into a bridge."""
    return [path.name for path in _entries(Path("/sys/class/net") / bridge / "brif")]


def cgroups(name: str) -> list[Path]:
    """Control groups of a container, in any hierarchy; LXC appends a number where it finds the name taken."""
    patterns = [f"{top}lxc.{kind}.{name}{end}" for top in ("", "*/") for kind in ("monitor", "payload") for end in ("", "-[0-9]")]
    return [path for pattern in patterns for path in Path("/sys/fs/cgroup").glob(pattern)]


def processes(layout: Layout) -> list[str]:
    """Command lines that name the containers' directory: monitors and tools that still run."""
    return [title for title in map(_command_line, PROC.iterdir()) if str(layout.containers) in title]


def sockets(layout: Layout) -> list[str]:
    """Command sockets of monitors."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return [line.rpartition("@")[2] for line in lines if f"@{layout.containers}/" in line]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace").replace("\0", " ") if process.name.isdigit() else ""
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []
