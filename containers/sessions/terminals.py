"""Terminals: a ticket opens one in a process that holds it from then on, or leads to the process that does."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from containers.choices import TerminalEnding
from containers.domain.layout import Layout
from containers.domain.states import State
from containers.errors import Conflict, Forbidden, SpocError
from containers.host import facts, processes, sockets, terminal
from containers.host.command import Runner
from containers.host.locks import Locks
from containers.host.lxc import Lxc
from containers.host.recording import Recording
from containers.host.terminal import LOGIN, Size
from containers.models import TerminalSession
from containers.services import terminals
from containers.services.session_inputs import TerminalArguments
from containers.services.terminals import GONE, Outcome
from containers.services.tickets import Order
from containers.sessions.client import Client
from containers.sessions.connection import GREETING_TIMEOUT_S, Connection
from containers.sessions.relay import Limits, Relay, read_size

logger = logging.getLogger(__name__)

# How long a terminal goes on while nobody can say whether it still may.
BLIND_S: Final = 60.0


def serve(order: Order, connection: Connection) -> None:
    """Open the terminal that the ticket is for, or join it where it is open already.

    The first frame says how large the window is. Raises NotFound, Forbidden, Conflict, HostError, Gone.
    """
    row = _find(order)
    size = read_size(connection.receive(GREETING_TIMEOUT_S).message)
    if row.started_at is None:
        _Holder(order, row, size).run(connection)
    else:
        _join(row, connection)


def _find(order: Order) -> TerminalSession:
    assert isinstance(order.arguments, TerminalArguments)  # noqa: S101  for the type checker: KINDS says so
    row = terminals.get(order.subject, order.arguments.terminal)
    if order.actor.user is None or row.user_id != order.actor.user.pk:
        raise Forbidden("This is somebody else's terminal")
    if row.ended_at is not None:
        raise Conflict(GONE, details=row.reason)
    return row


def _layout() -> Layout:
    return Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)


def _socket(number: int) -> Path:
    return _layout().terminals / f"{number:d}.sock"


def _join(row: TerminalSession, connection: Connection) -> None:
    """Pass the connection on to the process that holds the terminal."""
    try:
        sockets.hand_over(_socket(row.pk), connection.socket)
    except OSError as error:
        raise Conflict(GONE, details=str(error)) from error
    connection.socket.close()


class _Holder:
    """The process of one terminal, from its first ticket to its end."""

    def __init__(self, order: Order, row: TerminalSession, size: Size) -> None:
        self._actor = order.actor
        self._name = order.subject
        self._row = row
        self._size = size
        self._inputs = terminals.inputs_of(row)
        self._seen_at = time.monotonic()

    def run(self, connection: Connection) -> None:
        layout = _layout()
        ids = self._ids(layout)
        with (
            Locks(settings.RUN_DIR).try_acquire([terminals.lock_name(self._row)], "terminal"),
            _listening(_socket(self._row.pk)) as listener,
            _waking() as woken,
        ):
            # From here on others can find it; nobody else can have opened it between our look and the lock.
            if not terminals.begin(self._actor, self._row, is_recorded=settings.TERMINAL_RECORDING):
                raise Conflict("This terminal was opened already", resolution="Join it again")
            outcome = Outcome(TerminalEnding.FAILED, "this is a bug in spocweb")
            try:
                outcome = self._hold(layout, ids, connection, listener, woken)
            except SpocError as error:
                outcome = Outcome(TerminalEnding.FAILED, str(error))
                raise
            finally:
                terminals.finish(self._actor, self._row, outcome)

    def _ids(self, layout: Layout) -> tuple[int, int]:
        """Look who it is to be. Raises Conflict unless the container runs: lxc-attach would wait in a frozen one."""
        runner = Runner()
        state = facts.look(layout, runner, self._name).state
        if state != State.RUNNING:
            raise Conflict(f"{self._name} is {state.value.lower()}", resolution="It has to run")
        return Lxc(layout, runner).resolve_ids(self._name, self._inputs.uid, None) if self._inputs.uid else (0, 0)

    def _hold(self, layout: Layout, ids: tuple[int, int], connection: Connection, listener: Any, woken: int) -> Outcome:
        argv = self._inputs.command or LOGIN
        with (
            self._recording(layout) as recording,
            terminal.opened(layout, self._name, argv, uid=ids[0], gid=ids[1], env={}, size=self._size) as opened,
        ):
            limits = Limits(settings.TERMINAL_IDLE_S, settings.TERMINAL_GRACE_S)
            about = {"terminal": self._row.pk, "recorded": recording is not None}
            relay = Relay(
                opened,
                listener,
                opened=about | {"idle_s": limits.idle_s, "grace_s": limits.grace_s},
                limits=limits,
                check=self._check,
                recording=recording,
                woken=woken,
            )
            outcome = relay.run(Client(connection.socket, connection.take_waiting()))
        # What was ended by us has an exit code as well, that nobody asked for.
        return outcome if outcome.ending == TerminalEnding.EXITED else replace(outcome, exit_code=None)

    @contextmanager
    def _recording(self, layout: Layout) -> Iterator[Recording | None]:
        if not settings.TERMINAL_RECORDING:
            yield None
            return
        title = f"{self._actor.user_name} in {self._name}"
        recording = Recording(layout.recordings, self._row.pk, self._size, title)
        try:
            yield recording
        finally:
            with suppress(OSError):
                recording.close()

    def _check(self) -> Outcome | None:
        """Ask the rows whether it may go on. A database that is away for a moment is survived, but not for long."""
        try:
            close_old_connections()
            found = terminals.why_end(self._row)
        except DatabaseError as error:
            logger.warning("terminal %d: the database does not answer: %s", self._row.pk, error)
            if time.monotonic() - self._seen_at > BLIND_S:
                return Outcome(TerminalEnding.REVOKED, "the database does not answer: nobody knows whether it may go on")
            return None
        self._seen_at = time.monotonic()
        return found


@contextmanager
def _listening(path: Path) -> Iterator[Any]:
    with sockets.listen(path, gid=0) as listener:
        listener.setblocking(False)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _waking() -> Iterator[int]:
    """Yield a file that becomes readable when this process is told to end."""
    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, lambda *_: None) for number in processes.STOP_SIGNALS}
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(woken)
        os.close(waker)
