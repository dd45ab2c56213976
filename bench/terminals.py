"""Echo: how long after a key was sent its letter is back, over everything that lies between a browser and a container."""

from __future__ import annotations

import time
from statistics import median

from bench.panel import Panel
from bench.report import Figure, Report
from bench.samples import shown_ms
from tests.support.terminal import Terminal

NAME = "bench-terminal"
LIMIT_MS = 30
# As somebody types: what is sent together comes back together.
BETWEEN_S = 0.02


def measure(panel: Panel, *, keys: int) -> Report:
    """WebSocket → web process → session server → lxc-attach → the container's terminal, and back."""
    panel.add(NAME)
    panel.finish(f"/containers/{NAME}/start/")
    # "cat" prints nothing by itself: what comes back is the terminal's own echo.
    with Terminal.open(panel, NAME, command=["/bin/cat"]) as terminal:
        times = [_echo(terminal, "abcdefghij"[number % 10]) for number in range(keys)]
        terminal.tell({"close": True})
        terminal.wait_told("end")
    panel.destroy([NAME])
    return Report([Figure("terminal: a key → its echo", f"{shown_ms(times)}, {keys} keys", median(times) * 1000, LIMIT_MS, "ms")])


def _echo(terminal: Terminal, key: str) -> float:
    time.sleep(BETWEEN_S)
    since = time.monotonic()
    terminal.type(key)
    terminal.expect(key)
    return time.monotonic() - since
