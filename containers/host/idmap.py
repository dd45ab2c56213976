"""The id map in /etc/subuid and /etc/subgid, where newuidmap looks, which LXC runs also for root when it finds it.

The panel's own starts keep it from being found (`starting`); a start with lxc-start by hand needs the entries.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from containers.host.command import Runner

_FILES: Final = (Path("/etc/subuid"), Path("/etc/subgid"))
_TIMEOUT_S: Final = 30


def look(base: int, size: int) -> list[str]:
    """Return what is missing for a start with lxc-start by hand, as sentences."""
    if shutil.which("newuidmap") is None:
        return []
    return [
        f"{file} does not give root the ids {base} to {base + size - 1}" for file in _FILES if not _is_given(file, base, size)
    ]


def ensure(base: int, size: int, runner: Runner) -> bool:
    """Give root the range where it is missing; return whether that changed anything."""
    if not look(base, size):
        return False
    for file in _FILES:
        file.touch(mode=0o644)
    span = f"{base}-{base + size - 1}"
    runner.run(["usermod", "--add-subuids", span, "--add-subgids", span, "root"], timeout_s=_TIMEOUT_S)
    return True


def owners(base: int, size: int) -> list[str]:
    """Return who else may use ids of the range: their processes would own a container's files."""
    others = {name for file in _FILES for name, start, count in _ranges(file) if start < base + size and base < start + count}
    return sorted(others - {"root", "0"})


def _is_given(file: Path, base: int, size: int) -> bool:
    ranges = ((start, count) for name, start, count in _ranges(file) if name in {"root", "0"})
    return any(start <= base and base + size <= start + count for start, count in ranges)


def _ranges(file: Path) -> list[tuple[str, int, int]]:
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return []
    fields = (line.split(":") for line in lines)
    return [(name, int(start), int(count)) for name, start, count in filter(_is_range, fields)]


def _is_range(fields: list[str]) -> bool:
    return len(fields) == 3 and fields[1].isdecimal() and fields[2].isdecimal()
