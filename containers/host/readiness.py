"""Waiting until a container says that it is ready."""

from __future__ import annotations

import time
from typing import Final

from containers.domain.layout import Layout
from containers.errors import CommandTimeout, NotReady
from containers.host import attach, command_socket, facts, monitors
from containers.host.command import OUTPUT_CAP, CommandResult, Runner

# A try costs some 10 ms of processor time: often at first, when most containers get ready, then less.
_FIRST_INTERVAL_S: Final = 0.05
_LAST_INTERVAL_S: Final = 0.25
_OFTEN_FOR_S: Final = 3.0
# Of one try's output only this much is kept.
_TRY_CAP: Final = 8192


def wait(layout: Layout, runner: Runner, name: str, command: str, *, timeout_s: float) -> None:
    """Run `/bin/sh -c command` inside as root until it exits 0; all tries are one command on record.

    Raises NotReady with the last output: when the time is up, also in the middle of a check that hangs, and at once
    when the container leaves RUNNING.
    """
    argv = attach.command(layout, name, ["/bin/sh", "-c", command])
    check = _Check(layout, runner, name, tuple(argv), timeout_s)
    try:
        while not check.succeeds():
            check.pause()
    finally:
        check.close()


class _Check:
    """One wait: the tries so far, and what is on record of them."""

    def __init__(self, layout: Layout, runner: Runner, name: str, argv: tuple[str, ...], timeout_s: float) -> None:
        self._layout = layout
        self._runner = runner
        self._name = name
        self._argv = argv
        self._timeout_s = timeout_s
        self._began = time.monotonic()
        self._id = runner.recorder.started(argv)
        self._last: CommandResult | None = None
        # Why it is not ready, as long as no try has ended.
        self._why = "its check did not succeed"
        self._tries = 0
        self._recorded_bytes = 0

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def succeeds(self) -> bool:
        """Run the check once; False, too, where nobody answers. Raises NotReady when it does not end in time."""
        left = max(self._timeout_s - self._elapsed_s, 0.01)
        try:
            result = self._try(left)
        except CommandTimeout as error:
            # Earlier tries that ended say more than one that was cut off.
            raise self._not_ready(f"its check did not end{_last_line(error.output)}", error.output) from error
        except command_socket.NotListening as error:
            # No word of the check's: whether the container has ended is seen in the pause.
            self._why = error.brief
            return False
        if self._last is None or result.output != self._last.output:
            self._record(result.output)
        self._last = result
        self._tries += 1
        self._runner.recorder.tried(self._id, self._tries, result.exit_code)
        return result.exit_code == 0

    def _try(self, timeout_s: float) -> CommandResult:
        with command_socket.held(self._layout, self._name) as has_partner:
            return self._runner.run(
                self._argv, timeout_s=timeout_s, ok_codes=None, record=False, output_cap=_TRY_CAP, has_partner=has_partner
            )

    def _record(self, output: str) -> None:
        """Write down what a try printed, unless checks that print something else each time have printed too much."""
        if output and self._recorded_bytes < OUTPUT_CAP:
            self._recorded_bytes += len(output)
            self._runner.recorder.output(self._id, output.rstrip("\n").split("\n"))

    def pause(self) -> None:
        """Wait a little, but not beyond the end of the time or of the container's init."""
        left = self._timeout_s - self._elapsed_s
        interval = _FIRST_INTERVAL_S if self._elapsed_s < _OFTEN_FOR_S else _LAST_INTERVAL_S
        with monitors.watching(monitors.init_of(monitors.find(self._layout, self._name))) as init:
            has_ended = monitors.has_ended(init, min(interval, max(left, 0)))
            if init is None:
                # Nobody to watch: it was started in the foreground by hand, or is rebooting.
                time.sleep(_FIRST_INTERVAL_S)
        if has_ended and not facts.is_running(self._layout, self._name):
            output = self._last.output if self._last else ""
            raise NotReady(f"{self._name} ended before it was ready{_last_line(output)}", output)
        if left <= interval:
            raise self._not_ready(self._why, "")

    def _not_ready(self, why: str, output: str) -> NotReady:
        if self._last is not None:
            why = f"its check ended with {self._last.exit_code}{_last_line(self._last.output)}"
            output = self._last.output
        return NotReady(f"{self._name} was not ready within {self._timeout_s:g} s: {why}", output)

    def close(self) -> None:
        """Write down that no try follows."""
        exit_code = self._last.exit_code if self._last else -1
        self._runner.recorder.ended(self._id, exit_code, round(self._elapsed_s * 1000))


def _last_line(output: str) -> str:
    last = output.rstrip().rpartition("\n")[2].strip()
    return f": {last}" if last else ""
