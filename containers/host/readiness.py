"""Waiting until a container says that it is ready."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from containers.domain.layout import Layout
from containers.errors import CommandTimeout, NotReady
from containers.host import attach, facts, monitors
from containers.host.command import CommandResult, Runner

# A try costs some 10 ms of processor time: often at first, when most containers get ready, then less.
_FIRST_INTERVAL_S: Final = 0.05
_LAST_INTERVAL_S: Final = 0.25
_OFTEN_FOR_S: Final = 3.0
# Of a check's output only this much is kept.
_OUTPUT_CAP: Final = 8192


def wait(layout: Layout, runner: Runner, name: str, command: str, *, timeout_s: float) -> None:
    """Run `/bin/sh -c command` inside, as init's user, until it exits 0; all tries are one command on record.

    Raises NotReady with the last output: when the time is up, also in the middle of a check that hangs, and at once
    when the container leaves RUNNING.
    """
    argv = attach.command(layout, name, ["/bin/sh", "-c", command])
    recorder = runner.recorder
    command_id = recorder.started(tuple(argv))
    check = _Check(layout, runner, name, tuple(argv), time.monotonic(), timeout_s)
    last = CommandResult(check.argv, -1, "", 0)
    tries = 0
    try:
        while last.exit_code:
            last = check.run()
            tries += 1
            recorder.tried(command_id, tries, last.exit_code)
            if last.exit_code:
                check.pause(last)
    finally:
        if last.output:
            recorder.output(command_id, last.output.split("\n"))
        recorder.ended(command_id, last.exit_code, round(check.elapsed_s * 1000))


@dataclass(frozen=True)
class _Check:
    layout: Layout
    runner: Runner
    name: str
    argv: tuple[str, ...]
    began: float
    timeout_s: float

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    def run(self) -> CommandResult:
        """Run the check once."""
        left = max(self.timeout_s - self.elapsed_s, 0.01)
        try:
            return self.runner.run(self.argv, timeout_s=left, ok_codes=None, record=False, output_cap=_OUTPUT_CAP)
        except CommandTimeout as error:
            raise self._not_ready("its check did not end", error.output) from error

    def pause(self, last: CommandResult) -> None:
        """Wait a little, but not beyond the end of the time or of the container's init."""
        left = self.timeout_s - self.elapsed_s
        interval = _FIRST_INTERVAL_S if self.elapsed_s < _OFTEN_FOR_S else _LAST_INTERVAL_S
        with monitors.watching(self._init()) as init:
            has_ended = monitors.has_ended(init, min(interval, max(left, 0)))
        if has_ended and not facts.is_running(self.layout, self.name):
            raise NotReady(f"{self.name} ended before it was ready{_last_line(last.output)}", last.output)
        if left <= interval:
            raise self._not_ready(f"its check ended with {last.exit_code}", last.output)

    def _init(self) -> int | None:
        return monitors.init_of(monitors.find(self.layout, self.name))

    def _not_ready(self, why: str, output: str) -> NotReady:
        return NotReady(f"{self.name} was not ready within {self.timeout_s:g} s: {why}{_last_line(output)}", output)


def _last_line(output: str) -> str:
    last = output.rstrip().rpartition("\n")[2].strip()
    return f": {last}" if last else ""
