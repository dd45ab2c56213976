"""The one runner of programs: argument lists, a fixed small environment, an own session, a timeout, a record."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Protocol

from containers.errors import Cancelled, CommandFailed, CommandTimeout
from containers.host.output import MASK, Output
from containers.host.process import Process, TimeUp

ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
OUTPUT_CAP: Final = 65_536
# What a shell says when there is no such program.
NOT_FOUND: Final = 127


@dataclass(frozen=True)
class CommandResult:
    """A command that ended; a negative exit code is the number of the signal that ended it."""

    argv: tuple[str, ...]
    exit_code: int
    output: str
    duration_ms: int


class Recorder(Protocol):
    """Where commands are written down while they run; called from the thread that runs the command."""

    def started(self, argv: tuple[str, ...]) -> int:
        """Note that a command starts; the number that is returned names it in the other calls."""

    def output(self, command_id: int, lines: list[str]) -> None:
        """Note what a command printed."""

    def ended(self, command_id: int, exit_code: int, duration_ms: int) -> None:
        """Note how a command ended."""

    def tried(self, command_id: int, tries: int, exit_code: int) -> None:
        """Note that a command is run again and again, and how the last try ended."""

    def note(self, text: str) -> None:
        """Note what is being done or waited for right now."""


class NullRecorder:
    """Forgets everything."""

    def started(self, argv: tuple[str, ...]) -> int:
        """Return a number that means nothing."""
        return 0

    def output(self, command_id: int, lines: list[str]) -> None:
        """Do nothing."""

    def ended(self, command_id: int, exit_code: int, duration_ms: int) -> None:
        """Do nothing."""

    def tried(self, command_id: int, tries: int, exit_code: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class Runner:
    """Runs commands for one step: records each, and ends the one that runs when `cancel` is set. Thread-safe."""

    def __init__(self, recorder: Recorder | None = None, cancel: threading.Event | None = None) -> None:
        self.recorder: Recorder = recorder or NullRecorder()
        self.cancel = cancel or threading.Event()

    def for_cleanup(self) -> Runner:
        """Return a runner with the same record that a cancel does not stop: for what has to be undone."""
        return Runner(self.recorder)

    def check_cancelled(self) -> None:
        """Raise Cancelled if the job was asked to end."""
        if self.cancel.is_set():
            raise Cancelled("The job was asked to end")

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        timeout_s: float,
        ok_codes: Container[int] | None = (0,),
        input: bytes | None = None,
        stdin: int | None = None,
        env: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        record: bool = True,
        cwd: str | os.PathLike[str] = "/",
        output_cap: int = OUTPUT_CAP,
        has_partner: Callable[[], bool] = lambda: True,
        watch: Callable[[], None] = lambda: None,
    ) -> CommandResult:
        """Run a program to its end; return how it ended and what it printed, stdout and stderr as one.

        `ok_codes` are the exit codes that do not raise CommandFailed, None is all of them. `stdin` is an open file
        for the program to read, `input` the content of one. `env` is added to the fixed environment. A program that is
        about something which ends meanwhile (`has_partner`) is ended, and that is its exit code. `watch` is called
        several times a second while the program runs. Raises CommandTimeout or Cancelled when the program's process
        group was ended for that reason.
        """

        def check() -> None:
            self.check_cancelled()
            watch()

        self.check_cancelled()
        words = tuple(os.fspath(word) for word in argv)
        output = Output(output_cap, secrets)
        entry = _Entry(self.recorder if record else NullRecorder(), output.mask_all(words))
        with entry.closing(output), _stdin(stdin, input) as source:
            try:
                with Process(words, env=ENVIRONMENT | dict(env or {}), stdin=source, cwd=cwd) as process:
                    feed = lambda data: entry.printed(output.feed(data))  # noqa: E731
                    entry.exit_code = process.follow(entry.began + timeout_s, feed, check, has_partner)
            except FileNotFoundError as error:
                entry.exit_code = NOT_FOUND
                raise _not_found(entry, cwd) from error
            except TimeUp as error:
                raise _timeout(entry, timeout_s, output) from error
        result = CommandResult(entry.argv, entry.exit_code, output.text, entry.duration_ms)
        if ok_codes is not None and result.exit_code not in ok_codes:
            raise CommandFailed(describe(result), argv=result.argv, exit_code=result.exit_code, output=result.output)
        return result


class _Entry:
    """What is written down about one run."""

    def __init__(self, recorder: Recorder, argv: tuple[str, ...]) -> None:
        self.argv = argv
        self.exit_code: int = -signal.SIGKILL
        self.duration_ms = 0
        self._recorder = recorder
        self._id = recorder.started(argv)
        self.began = time.monotonic()

    def printed(self, lines: list[str]) -> None:
        if lines:
            self._recorder.output(self._id, lines)

    @contextmanager
    def closing(self, output: Output) -> Iterator[None]:
        """Write down the end, whatever it is."""
        try:
            yield
        finally:
            self.duration_ms = round((time.monotonic() - self.began) * 1000)
            self.printed(output.finish())
            self._recorder.ended(self._id, self.exit_code, self.duration_ms)


@contextmanager
def _stdin(file: int | None, content: bytes | None) -> Iterator[int | None]:
    if content is None:
        yield file
        return
    # A file in memory instead of a pipe: nobody has to feed it while the output is read.
    memory = os.memfd_create("input")
    try:
        with os.fdopen(os.dup(memory), "wb") as stream:
            stream.write(content)
        os.lseek(memory, 0, os.SEEK_SET)
        yield memory
    finally:
        os.close(memory)


def describe(result: CommandResult) -> str:
    """Return one sentence on how a command failed, with the most telling thing it said."""
    name = PurePath(result.argv[0]).name
    code = result.exit_code
    how = f"{name} was ended by {_signal_name(-code)}" if code < 0 else f"{name} failed with exit code {code}"
    said = [line.strip() for line in result.output.split("\n") if line.strip()]
    # Programs that quote what they do not like do so after saying what it is.
    telling = next((line for line in reversed(said) if "error" in line.lower()), said[-1] if said else "")
    return f"{how}: {telling}" if telling else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _not_found(entry: _Entry, cwd: str | os.PathLike[str]) -> CommandFailed:
    name = PurePath(entry.argv[0]).name
    if not os.path.isdir(cwd):  # noqa: PTH112 - may be a bytes-free PathLike of any kind
        return CommandFailed(f"{os.fspath(cwd)} is missing", argv=entry.argv, exit_code=NOT_FOUND)
    return CommandFailed(f"{name} is not installed", argv=entry.argv, exit_code=NOT_FOUND, resolution="Run `make setup`")


def _timeout(entry: _Entry, timeout_s: float, output: Output) -> CommandTimeout:
    name = PurePath(entry.argv[0]).name
    text = f"{name} did not end within {timeout_s:g} s"
    return CommandTimeout(text, argv=entry.argv, exit_code=entry.exit_code, output=output.text)


__all__ = ["ENVIRONMENT", "MASK", "CommandResult", "NullRecorder", "Recorder", "Runner", "describe"]
