"""One child process in a session of its own: started cheaply, waited for without polling, ended with its whole group."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_TERM_GRACE_S: Final = 2.0
# A process in a frozen cgroup does not die before it is thawed: nobody waits for it longer than this.
_KILL_GRACE_S: Final = 5.0
# How soon a cancelled job's command is noticed. A command that ends is noticed at once.
_CANCEL_CHECK_S: Final = 0.1
# How long a tool may take to notice that the container it is about has ended.
_PARTNER_GRACE_S: Final = 2.0
_CHUNK: Final = 65_536


class TimeUp(Exception):  # noqa: N818 - an event, not an error: callers turn it into one
    """The process was still running when its time was up."""


class Process:
    """A running program whose stdout and stderr are read together. Leaving the `with` block ends it and its group."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], stdin: int | None, cwd: str | os.PathLike[str]) -> None:
        # Own session: a signal to the worker's group, or Ctrl-C in the terminal of `make run`, does not reach it.
        self._popen = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            bufsize=0,
        )
        assert self._popen.stdout is not None  # noqa: S101 - for the type checker: stdout=PIPE
        self._output = self._popen.stdout
        self.pid = self._popen.pid
        self._pidfd = os.pidfd_open(self.pid)
        os.set_blocking(self._output.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            if self._popen.poll() is None:
                self._end()
        finally:
            os.close(self._pidfd)
            self._output.close()

    def follow(
        self,
        deadline: float,
        feed: Callable[[bytes], None],
        check: Callable[[], None],
        has_partner: Callable[[], bool] = lambda: True,
    ) -> int:
        """Hand all output to `feed` until the program ends; return its exit code (negative: a signal's number).

        `check` is called now and then and may raise; a program whose partner is gone is ended soon. Raises TimeUp. The end
        of the program counts, not the end of its output: a daemon it leaves behind may hold the pipe open as long as it lives.
        """
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        is_alone = False
        while (left := deadline - time.monotonic()) > 0:
            ready = {fd for fd, _ in poll.poll(min(left, _CANCEL_CHECK_S) * 1000)}
            check()
            if self._pidfd in ready:
                while self._read(feed):
                    pass
                return self._popen.wait()
            if ready and self._read(feed) == b"":
                poll.unregister(self._output)
            if not is_alone and not has_partner():
                is_alone, deadline = True, min(deadline, time.monotonic() + _PARTNER_GRACE_S)
        if is_alone:
            self._end()
            return self._popen.wait()
        raise TimeUp

    def _read(self, feed: Callable[[bytes], None]) -> bytes | None:
        """Read once; nothing is the end of the output, None that there is no more at the moment."""
        data: bytes | None = self._output.read(_CHUNK)
        if data:
            feed(data)
        return data

    def _end(self) -> None:
        """End the process and its group: ask, wait, kill, wait."""
        # Until it is waited for, the leader's number cannot be given to another group.
        self._signal_group(signal.SIGTERM)
        self._has_ended(_TERM_GRACE_S)
        self._signal_group(signal.SIGKILL)
        if self._has_ended(_KILL_GRACE_S):
            self._popen.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _has_ended(self, timeout_s: float) -> bool:
        return bool(select.select([self._pidfd], [], [], timeout_s)[0])
