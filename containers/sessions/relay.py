"""One terminal between its program and whoever looks at it: several people after one another, at times nobody.

A loop in one thread. What it has to wait for is in `_wait`; everything else returns at once.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from containers.choices import TerminalEnding
from containers.domain import frames
from containers.domain.frames import Frame
from containers.errors import Malformed
from containers.host import monitors, sockets
from containers.host.recording import Recording
from containers.host.terminal import Size, Terminal
from containers.services.terminals import CLOSED, Outcome
from containers.sessions.client import Client

# What is printed last is kept for who joins again.
SCROLLBACK: Final = 256 * 1024
# So much may be typed ahead of a program that does not read; then the connection is not read either.
MAX_TYPED: Final = 64 * 1024
MAX_SIDE: Final = 1_000
CHECK_EVERY_S: Final = 2.0
# Before a terminal ends because nobody typed.
WARNING_S: Final = 60.0
# LXC's monitor ends this much after the container's processes at most.
_MONITOR_GRACE_S: Final = 2.0


@dataclass(frozen=True)
class Limits:
    """How long nobody may type, and how long nobody may look."""

    idle_s: float
    grace_s: float


def read_size(message: dict[str, Any]) -> Size:
    """Return the size in {"resize": [columns, rows]}. Raises Malformed."""
    match message:
        case {"resize": [int(columns), int(rows)]} if 0 < columns <= MAX_SIDE and 0 < rows <= MAX_SIDE:
            return Size(columns, rows)
    raise Malformed("A size was expected")


class Relay:
    """Carries bytes until the terminal ends; `listener` is where others who look at it are passed on to us.

    `check` says why it has to end by what the rows say, `woken` becomes readable when this process is to end.
    """

    def __init__(
        self,
        terminal: Terminal,
        listener: socket.socket,
        *,
        opened: dict[str, Any],
        limits: Limits,
        check: Callable[[], Outcome | None],
        recording: Recording | None = None,
        woken: int | None = None,
    ) -> None:
        self._terminal = terminal
        self._listener = listener
        self._opened = opened
        self._limits = limits
        self._check = check
        self._recording = recording
        self._woken = woken
        self._client: Client | None = None
        self._typed = bytearray()
        self._printed = bytearray()
        self._is_silent = False
        self._typed_at = self._left_at = self._checked_at = time.monotonic()
        self._is_warned = self._is_closed = False
        self.bytes_in = self.bytes_out = 0

    def run(self, client: Client) -> Outcome:
        """Serve until there is a reason to end; whoever looks then is told. Raises HostError if it cannot be recorded."""
        self._join(client)
        outcome = None
        while outcome is None:
            self._wait()
            outcome = self._reason()
        if self._client:
            self._client.close({"end": {"ending": outcome.ending, "reason": outcome.reason, "exit_code": outcome.exit_code}})
        return outcome

    # --- one turn ---

    def _wait(self) -> None:
        """Wait until something can be done, and do it."""
        terminal, client = self._terminal, self._client
        reading: list[Any] = [self._listener, terminal.process, terminal.partner]
        writing: list[Any] = [terminal.master] if self._typed else []
        if self._woken is not None:
            reading.append(self._woken)
        if not self._is_silent and (client is None or client.has_room):
            reading.append(terminal.master)
        if client and len(self._typed) < MAX_TYPED:
            reading.append(client)
        if client and client.has_output:
            writing.append(client)
        readable, writable, _ = select.select(reading, writing, [], 0 if client and client.has_input else 1.0)
        if terminal.master in readable:
            self._read_terminal()
        if terminal.master in writable:
            self._write_terminal()
        if client:
            self._serve(client, can_read=client in readable or client.has_input, can_write=client in writable)
        if self._listener in readable and (connection := sockets.take_over(self._listener)):
            self._join(Client(connection))

    def _read_terminal(self) -> None:
        data = self._terminal.read()
        if data is None:
            return
        self._is_silent = not data
        self.bytes_out += len(data)
        self._printed += data
        if len(self._printed) > 2 * SCROLLBACK:
            del self._printed[:-SCROLLBACK]
        if self._recording:
            self._recording.printed(data)
        if self._client and data:
            self._client.send(data)

    def _write_terminal(self) -> None:
        del self._typed[: self._terminal.write(bytes(self._typed))]

    def _serve(self, client: Client, *, can_read: bool, can_write: bool) -> None:
        if can_write:
            client.flush()
        try:
            for frame in client.receive() if can_read else ():
                self._hear(frame)
        except Malformed as error:
            client.close({"error": {"code": error.code, "brief": error.brief}})
        if client.is_gone or client.is_stalled:
            client.close()
            if client is self._client:
                self._client, self._left_at = None, time.monotonic()

    def _hear(self, frame: Frame) -> None:
        if frame.kind == frames.DATA:
            self._typed += frame.payload
            self.bytes_in += len(frame.payload)
            self._typed_at, self._is_warned = time.monotonic(), False
            self._write_terminal()
            return
        match frame.message:
            # A sign of life, for proxies on the way.
            case {"alive": True}:
                pass
            case {"close": True}:
                self._is_closed = True
            case message:
                self._resize(read_size(message))

    def _resize(self, size: Size) -> None:
        self._terminal.resize(size)
        if self._recording:
            self._recording.resized(size)

    def _join(self, client: Client) -> None:
        """Show it to somebody from now on, with what was printed last; whoever looked before is told."""
        if self._client:
            self._client.close({"end": {"ending": "joined", "reason": "it was joined from somewhere else", "exit_code": None}})
        self._client = client
        self._typed_at, self._is_warned = time.monotonic(), False
        client.tell({"opened": self._opened})
        if kept := bytes(self._printed[-SCROLLBACK:]):
            # Not in the middle of a line, which may be in the middle of an escape sequence.
            client.send(kept if len(self._printed) <= SCROLLBACK else kept.partition(b"\n")[2])

    # --- why it ends ---

    def _reason(self) -> Outcome | None:
        if self._terminal.poll() is not None:
            return self._last_words()
        if not self._terminal.partner():
            return self._outcome(TerminalEnding.STOPPED, "the container stopped")
        if self._woken is not None and select.select([self._woken], [], [], 0)[0]:
            return self._outcome(TerminalEnding.SHUTDOWN, "the panel was stopped")
        if self._is_closed:
            return self._outcome(TerminalEnding.CLOSED, CLOSED)
        return self._times_up() or self._checked()

    def _last_words(self) -> Outcome:
        """Pass on what is left to read, and say how the program ended."""
        while not self._is_silent and self._terminal.read_waits():
            self._read_terminal()
        code = self._terminal.exit_code or 0
        # A program that is ended by a signal may be the first of all in a container that is being stopped.
        if (code < 0 or code > 128) and monitors.has_ended(self._terminal.partner.fileno(), _MONITOR_GRACE_S):
            return self._outcome(TerminalEnding.STOPPED, "the container stopped")
        return self._outcome(TerminalEnding.EXITED, f"its program ended with exit code {code}", code)

    def _times_up(self) -> Outcome | None:
        now = time.monotonic()
        idle_s = now - self._typed_at
        if idle_s > self._limits.idle_s:
            return self._outcome(TerminalEnding.IDLE, f"nobody typed for {self._limits.idle_s:g} s")
        if self._client is None and now - self._left_at > self._limits.grace_s:
            return self._outcome(TerminalEnding.LEFT, f"nobody came back within {self._limits.grace_s:g} s")
        if self._client and not self._is_warned and idle_s > self._limits.idle_s - WARNING_S > 0:
            self._is_warned = True
            self._client.tell({"warning": "idle", "left_s": round(self._limits.idle_s - idle_s)})
        return None

    def _checked(self) -> Outcome | None:
        if time.monotonic() - self._checked_at < CHECK_EVERY_S:
            return None
        self._checked_at = time.monotonic()
        found = self._check()
        return found and self._outcome(found.ending, found.reason)

    def _outcome(self, ending: TerminalEnding, reason: str, exit_code: int | None = None) -> Outcome:
        return Outcome(ending, reason, exit_code, self.bytes_in, self.bytes_out)
