"""Supervisor with two differences: a terminal that goes away stops the panel, and its output may be a socket.

Run by `manage.py run` in its own place: what that holds open (the stack's locks) stays held until this process ends,
and by nobody else: Supervisor's children start with their standard streams only.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from types import FrameType

from supervisor import loggers, supervisord
from supervisor.options import ServerOptions


class Options(ServerOptions):  # type: ignore[misc]  # Supervisor has no types
    def setsignals(self) -> None:
        super().setsignals()
        # Supervisor would start everything anew, for a terminal that nobody looks at any more.
        signal.signal(signal.SIGHUP, self._stop)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.signal_receiver.receive(signal.SIGTERM, frame)


def main() -> None:
    """Start what the configuration names, keep it running, and stop it in the reverse order."""
    make_output_a_pipe()
    # It would tell of what it cannot write where it cannot write either, and end with that: a full disk ended the panel.
    loggers.Handler.handleError = lambda self: None
    options = Options()
    options.realize(sys.argv[1:], doc=supervisord.__doc__)
    options.first = True
    options.test = False
    supervisord.go(options)


def make_output_a_pipe() -> None:
    """Replace an output that is a socket, as a service manager's is: Supervisor opens /dev/fd/1 for every process,
    which the kernel does not allow for sockets."""
    if not stat.S_ISSOCK(os.fstat(1).st_mode):
        return
    # In a session of its own it outlives Ctrl-C, and passes on what is said after that.
    copier = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, start_new_session=True)
    assert copier.stdin is not None  # noqa: S101  for the type checker
    for stream in (1, 2):
        os.dup2(copier.stdin.fileno(), stream)
    copier.stdin.close()


if __name__ == "__main__":
    main()
