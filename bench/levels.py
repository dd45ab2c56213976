"""Figure 2: twenty containers in five levels, started by one call, against what the levels alone would take."""

from __future__ import annotations

import time
from statistics import median

from bench import starts
from bench.panel import Panel, definition
from bench.report import Figure, Report
from bench.samples import shown_ms, shown_s

LEVELS, WIDTH = 5, 4
READY_S = 0.5
BARE = 5
LIMIT = 1.25


def measure(panel: Panel, *, runs: int) -> Report:
    """Take the bare start anew in each run, of one of the same containers."""
    names = _define(panel)
    ratios, times, bare = [], [], []
    for _ in range(runs):
        samples = [starts.start_by_hand(panel, panel.container(names[0])).done_s for _ in range(BARE)]
        took = _run(panel, names)
        ideal = LEVELS * READY_S + LEVELS * median(samples)
        bare += samples
        times.append(took)
        ratios.append(took / ideal)
    panel.destroy(names)
    ideal = LEVELS * READY_S + LEVELS * median(bare)
    measured = f"{shown_s(times)} against {ideal:.2f} s (bare start {shown_ms(bare)}), {runs} runs"
    return Report(
        [Figure(f"{LEVELS * WIDTH} containers in {LEVELS} levels, job's end ÷ ideal", measured, median(ratios), LIMIT, "×")]
    )


def _define(panel: Panel) -> list[str]:
    """Make the containers; each waits for all of the level before, and says that it is ready after its half second."""
    names: list[str] = []
    for level in range(LEVELS):
        below = names[-WIDTH:]
        for number in range(WIDTH):
            name = f"level{level + 1}-{number + 1}"
            command = f"/bin/sh -c 'sleep {READY_S}; : > /tmp/ready; exec sleep 10000'"
            panel.add(name, **definition(depends=below, cmd=command, ready="test -e /tmp/ready"))
            names.append(name)
    return names


def _run(panel: Panel, names: list[str]) -> float:
    since = time.monotonic()
    job = panel.bulk("start", names[-WIDTH:])
    took = panel.database.wait_job(job) - since
    panel.database.wait_job(panel.bulk("kill", names))
    panel.settle(*names)
    return took
