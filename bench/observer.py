"""When a container changed its state: the lines of an lxc-monitor of our own, the same for whoever caused the change."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from containers.domain.layout import Layout

LINE = re.compile(r"'([a-z0-9-]+)' changed state to \[([A-Z]+)\]")
TIMEOUT_S = 60


class Observer:
    """Keeps every change with the moment at which its line was read."""

    def __init__(self) -> None:
        self._changes: list[tuple[float, str, str]] = []
        self._news = threading.Condition()

    def read(self, stream: IO[str]) -> None:
        for line in stream:
            at = time.monotonic()
            if match := LINE.search(line):
                with self._news:
                    self._changes.append((at, match[1], match[2]))
                    self._news.notify_all()

    def wait(self, name: str, state: str, since: float, timeout_s: float = TIMEOUT_S) -> float:
        """Return when `name` first came to `state` after `since`. Raises TimeoutError."""
        with self._news:
            found = self._news.wait_for(lambda: self._find(name, state, since), timeout_s)
        if found is None:
            raise TimeoutError(f"LXC did not say within {timeout_s:g} s that {name} is {state}")
        return found

    def _find(self, name: str, state: str, since: float) -> float | None:
        recent = (at for at, *change in self._changes if at >= since and change == [name, state])
        return next(recent, None)


@contextmanager
def observing(layout: Layout) -> Iterator[Observer]:
    """Observe all containers of a panel."""
    argv = ["/usr/bin/lxc-monitor", "-P", str(layout.containers), "-n", ".*"]
    observer = Observer()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("lxc-monitor has no output")
        thread = threading.Thread(target=observer.read, args=(process.stdout,), daemon=True)
        thread.start()
        try:
            yield observer
        finally:
            process.terminate()
            thread.join(TIMEOUT_S)
