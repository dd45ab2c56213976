"""Supervisor with one difference: a terminal that goes away stops the panel; it does not restart it.

Run by `manage.py run` in its own place: what that holds open (the stack's locks) stays held until this process ends,
and by nobody else: Supervisor's children start with their standard streams only.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from supervisor import supervisord
from supervisor.options import ServerOptions


class Options(ServerOptions):  # type: ignore[misc]  Supervisor has no types
    def setsignals(self) -> None:
        super().setsignals()
        signal.signal(signal.SIGHUP, self._stop)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.signal_receiver.receive(signal.SIGTERM, frame)


def main() -> None:
    """Start what the configuration names, keep it running, and stop it in the reverse order."""
    options = Options()
    options.realize(sys.argv[1:], doc=supervisord.__doc__)
    options.first = True
    options.test = False
    supervisord.go(options)


if __name__ == "__main__":
    main()
