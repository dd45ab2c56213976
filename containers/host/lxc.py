"""The LXC driver: one method for each thing that is done to a container, every failure in LXC's own words."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from containers.domain.layout import Layout
from containers.domain.states import State
from containers.errors import CommandFailed, CommandTimeout, Conflict, HostError
from containers.host import attach, cgroups, command_socket, facts, identities, monitors, readiness, rootfs, starting, tools
from containers.host.command import OUTPUT_CAP, CommandResult, Runner
from containers.host.facts import Look

__all__ = ["Look", "Lxc"]

_QUICK_TIMEOUT_S: Final = 30
# How long the monitor may take after the container's end: unmounting, emptying the ephemeral layer.
_CLEANUP_TIMEOUT_S: Final = 120
_POLL_S: Final = 0.05


class Lxc:
    """Does things to containers through `runner`, which records them. Thread-safe."""

    def __init__(self, layout: Layout, runner: Runner) -> None:
        self._layout = layout
        self._runner = runner

    def look(self, name: str) -> Look:
        """Return the state and the init process; a container that does not run costs no command."""
        return facts.look(self._layout, self._runner, name)

    def start(self, name: str, *, command: Sequence[str] | None = None, timeout_s: float) -> Look:
        """Start a stopped container, with `command` in place of its own init; return what it is right afterwards.

        Returns as soon as init was executed: a container whose init ends at once may be STOPPED already. When the start
        fails or is cancelled, nothing of it is left. Raises Conflict, MountFailed, CommandFailed, CommandTimeout.
        """
        words = ["--daemon", f"--pidfile={monitors.pid_file(self._layout, name)}", *(["--", *command] if command else [])]
        with self._nothing_left_on_failure(name):
            starting.run(self._layout, self._runner, name, "lxc-start", words, timeout_s=timeout_s)
        init = monitors.init_of(monitors.find_started(self._layout, name))
        # Spares lxc-info: the one child of a monitor that says RUNNING.
        return self.look(name) if init is None else Look(State.RUNNING, init)

    def stop(self, name: str, *, timeout_s: float) -> bool:
        """Send the halt signal and wait until nothing of the run is left; return whether init had to be killed.

        A frozen container is thawed first. On a stopped container it clears up what an earlier run may have left.
        """
        state = self.look(name).state
        if state in {State.FROZEN, State.FREEZING}:
            self.unfreeze(name)
        if state != State.STOPPED:
            words = ("--nokill", f"--timeout={max(int(timeout_s), 1)}")
            self._ask(name, "lxc-stop", *words, timeout_s=timeout_s + _QUICK_TIMEOUT_S, ok_codes=None)
        # Its exit code is not to be relied on.
        if must_kill := facts.is_running(self._layout, name) and self.look(name).state not in {State.STOPPED, State.STOPPING}:
            self._kill(name)
        self.wait_stopped(name, timeout_s=_CLEANUP_TIMEOUT_S)
        return must_kill

    def kill(self, name: str) -> None:
        """End a container at once and wait until nothing of the run is left; safe to repeat."""
        if facts.is_running(self._layout, name):
            self._kill(name)
        self.wait_stopped(name, timeout_s=_CLEANUP_TIMEOUT_S)

    def _kill(self, name: str) -> None:
        self._ask(name, "lxc-stop", "--kill", timeout_s=_QUICK_TIMEOUT_S, ok_codes=None)

    def _ask(self, name: str, tool: str, *words: str, timeout_s: float, ok_codes: Container[int] | None = (0,)) -> None:
        """Run a tool that talks to the container's monitor; one that has ended meanwhile needs nothing any more."""
        with suppress(command_socket.NotListening), command_socket.held(self._layout, name) as has_partner:
            argv = tools.command(self._layout, name, tool, *words)
            self._runner.run(argv, timeout_s=timeout_s, ok_codes=ok_codes, has_partner=has_partner)

    def wait_stopped(self, name: str, *, timeout_s: float) -> None:
        """Wait until the container is STOPPED, its monitor gone and its rootfs unmounted.

        LXC says STOPPED before its hooks have run. When the monitor was killed they never do: then this unmounts.
        Raises HostError when the time is up.
        """
        deadline = time.monotonic() + timeout_s
        with monitors.watching(monitors.find(self._layout, name)) as monitor:
            while not monitors.has_ended(monitor, _POLL_S) or facts.is_running(self._layout, name):
                self._runner.check_cancelled()
                if time.monotonic() > deadline:
                    raise HostError(f"{name} has not stopped within {timeout_s:g} s")
                if monitor is None:
                    time.sleep(_POLL_S)
        if rootfs.is_mounted(self._layout, name):
            rootfs.unmount(self._layout, name, self._runner)
            cgroups.remove_left(self._layout, name)

    def freeze(self, name: str) -> None:
        """Suspend all processes of a running container; a frozen one stays as it is."""
        self._change(name, State.FROZEN, "lxc-freeze")

    def unfreeze(self, name: str) -> None:
        """Let a frozen container go on; a running one stays as it is."""
        self._change(name, State.RUNNING, "lxc-unfreeze")

    def _change(self, name: str, wanted: State, tool: str) -> None:
        look = self.look(name)
        if look.state == wanted:
            return
        if look.pid is None:
            raise Conflict(f"{name} is not running")
        try:
            self._ask(name, tool, timeout_s=_QUICK_TIMEOUT_S)
        except CommandFailed as error:
            # Someone else may have been quicker.
            if self.look(name).state != wanted:
                raise HostError(f"{name}: {error.brief}", error.output) from error

    def attach(
        self,
        name: str,
        argv: Sequence[str],
        *,
        uid: int | None = None,
        gid: int | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float,
        ok_codes: Container[int] | None = (0,),
        input: bytes | None = None,
        output_cap: int = OUTPUT_CAP,
        watch: Callable[[], None] = lambda: None,
    ) -> CommandResult:
        """Run a command in a running container; raise CommandFailed unless its exit code is among `ok_codes`.

        Ids are the container's, root by default. The environment is empty but for the definition's and `env`. `input` is
        what it reads, of its output `output_cap` bytes are kept; what `watch`
        raises meanwhile ends it.
        """
        words = attach.command(self._layout, name, argv, uid=uid, gid=gid, cwd=cwd, env=env)
        return attach.run(
            self._layout,
            self._runner,
            name,
            argv,
            words,
            timeout_s=timeout_s,
            ok_codes=ok_codes,
            input=input,
            output_cap=output_cap,
            watch=watch,
        )

    def resolve_ids(self, name: str, uid: str | None, gid: str | None) -> tuple[int, int]:
        """Return the numbers of a user and a group, looked up with getent in the running container.

        See `identities.resolve` for what is the default. Raises InvalidRequest, NotFound, HostError.
        """
        return identities.resolve(lambda argv: self.attach(name, argv, timeout_s=_QUICK_TIMEOUT_S, ok_codes=None), uid, gid)

    def execute_stopped(
        self,
        name: str,
        argv: Sequence[str],
        *,
        uid: str | None = None,
        gid: str | None = None,
        timeout_s: float,
        ok_codes: Container[int] | None = (0,),
    ) -> CommandResult:
        """Start a stopped container for one command alone, with its network and volumes, and wait for its end.

        User and group are looked up in a run of their own before. Raises CommandFailed unless the command's own exit
        code is among `ok_codes`; nothing of the run is left in any case.
        """
        numbers = identities.resolve(lambda words: self._execute(name, words, (0, 0), _QUICK_TIMEOUT_S), uid, gid)
        return attach.require(self._execute(name, argv, numbers, timeout_s), argv, name, ok_codes)

    def _execute(self, name: str, argv: Sequence[str], ids: tuple[int, int], timeout_s: float) -> CommandResult:
        words = [f"--uid={ids[0]:d}", f"--gid={ids[1]:d}", "--", *argv]
        with self._nothing_left_on_failure(name):
            result = starting.run(self._layout, self._runner, name, "lxc-execute", words, timeout_s=timeout_s)
        self.wait_stopped(name, timeout_s=_CLEANUP_TIMEOUT_S)
        return result

    def wait_ready(self, name: str, command: str, *, timeout_s: float) -> None:
        """Run a command in the container until it exits 0. Raises NotReady with its last output."""
        readiness.wait(self._layout, self._runner, name, command, timeout_s=timeout_s)

    @contextmanager
    def _nothing_left_on_failure(self, name: str) -> Iterator[None]:
        """Wait for the end of an earlier run's cleaning before, and clean up after a start that failed or was cancelled."""
        if facts.is_running(self._layout, name):
            raise Conflict(f"{name} is running already")
        if monitors.find_started(self._layout, name) is not None or rootfs.is_mounted(self._layout, name):
            self.wait_stopped(name, timeout_s=_CLEANUP_TIMEOUT_S)
        try:
            yield
        except Conflict:
            raise
        except BaseException as error:
            # LXC reported a failure: it cleans up by itself. Anything else stopped it at any point.
            if isinstance(error, CommandTimeout) or not isinstance(error, HostError):
                monitors.kill(self._layout, name)
            # A cancelled job's runner runs nothing any more.
            Lxc(self._layout, self._runner.for_cleanup()).wait_stopped(name, timeout_s=_CLEANUP_TIMEOUT_S)
            cgroups.remove_left(self._layout, name)
            raise
