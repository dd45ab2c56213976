"""What a step says of itself while it goes on: a sentence that is made anew, and not too often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from containers.host.command import Recorder

# Every note is written to the database and sent to all browsers.
INTERVAL_S: Final = 1.0


class Notes:
    """Notes `sentence()` at once, and again from `watch()` when a second has passed."""

    def __init__(self, recorder: Recorder, sentence: Callable[[], str]) -> None:
        self._recorder = recorder
        self._sentence = sentence
        self.note()

    def watch(self) -> None:
        """Note it, unless that was done just now."""
        if time.monotonic() - self._noted_at >= INTERVAL_S:
            self.note()

    def note(self) -> None:
        """Note it in any case."""
        self._noted_at = time.monotonic()
        self._recorder.note(self._sentence())
