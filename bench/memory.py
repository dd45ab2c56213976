"""Figure 5: the memory of the whole stack at rest."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bench.panel import Panel
from bench.report import Figure, Report

LIMIT_MB = 250
REST_S = 3
PART = (
    (r"spocweb\.supervise", "supervisor"),
    (r"redis-server", "redis"),
    (r"gunicorn", "web"),
    (r"manage worker", "worker"),
    (r"manage monitor", "monitor"),
    (r"manage sessions", "sessions"),
    (r"manage root_processes", "launcher"),
    (r"lxc-monitord", "lxc-monitord"),
    (r"lxc-monitor", "lxc-monitor"),
)


def measure(panel: Panel) -> Report:
    """Add up proportional set sizes: what processes share counts once."""
    time.sleep(REST_S)
    sizes, counts = _look(panel)
    total = sum(sizes.values())
    return Report([Figure("memory of the idle stack", f"MB: {_parts(sizes, counts)}", total, LIMIT_MB, "MB")])


def _look(panel: Panel) -> tuple[Mapping[str, float], Mapping[str, int]]:
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for pid, line in (panel.processes() | _daemons(panel)).items():
        part = next((name for pattern, name in PART if re.search(pattern, line)), line)
        sizes[part] += _proportional_kb(pid)
        counts[part] += 1
    return {part: kb * 1024 / 1e6 for part, kb in sizes.items()}, counts


def _daemons(panel: Panel) -> dict[int, str]:
    """Return lxc-monitord, which is nobody's child: lxc-monitor starts it for the directory."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "lxc-monitord" in line and f"{panel.layout.containers} " in line:
            found[int(path.parent.name)] = line
    return found


def _proportional_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _parts(sizes: Mapping[str, float], counts: Mapping[str, int]) -> str:
    order = sorted(sizes, key=lambda part: -sizes[part])
    return ", ".join(f"{part} {sizes[part]:.0f}" + (f" ({counts[part]})" if counts[part] > 1 else "") for part in order)
