"""Figure 3: how long after LXC's word the database says the same."""

from __future__ import annotations

import time

from bench.panel import Panel
from bench.report import Figure, Report
from bench.samples import shown_ms

NAME = "bench-changes"
LIMIT_MS = 50
# What is done by hand, past the panel, and what it leads to.
CYCLE = (
    (("lxc-start", "-d"), "RUNNING"),
    (("lxc-freeze",), "FROZEN"),
    (("lxc-unfreeze",), "RUNNING"),
    (("lxc-stop", "-k"), "STOPPED"),
)


def measure(panel: Panel, *, cycles: int) -> Report:
    """From the line of our own lxc-monitor to the row in the file."""
    panel.add(NAME)
    _cycle(panel)
    times = [time_s for _ in range(cycles) for time_s in _cycle(panel)]
    panel.destroy([NAME])
    measured = f"{shown_ms(times)}, {len(times)} changes"
    middle = sorted(times)[len(times) // 2] * 1000
    return Report([Figure("state change (`lxc-monitor`'s line) → row in the database", measured, middle, LIMIT_MS, "ms")])


def _cycle(panel: Panel) -> list[float]:
    times = [_change(panel, *words, state=state) for words, state in CYCLE]
    panel.settle(NAME)
    return times


def _change(panel: Panel, tool: str, *words: str, state: str) -> float:
    since = time.monotonic()
    # The row is read while the tool still runs: it may be there before the tool ends.
    process = panel.container(NAME).begin(tool, *words)
    row = panel.database.wait_state(NAME, state)
    process.wait()
    line = panel.observer.wait(NAME, state, since)
    # All that follows the change has to end before the next one.
    time.sleep(0.2)
    return row - line
