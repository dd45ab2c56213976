"""Running the tools that start a container, and finding out why one did not start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from containers.domain.layout import Layout
from containers.errors import CommandFailed, CommandTimeout, Conflict, HostError, MountFailed
from containers.host import lxc_log, monitors, tools
from containers.host.command import CommandResult, Runner, describe

# LXC writes the id map itself when it does not find newuidmap on PATH: that halves the time of a start, and does not
# depend on /etc/subuid. What else it looks for (apparmor_parser) is in sbin.
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/sbin"}

# Its exit code is 0.
_ALREADY_RUNNING: Final = "already running"


def run(layout: Layout, runner: Runner, name: str, tool: str, words: Sequence[str], *, timeout_s: float) -> CommandResult:
    """Run lxc-start or lxc-execute; return its result unless the container itself could not be started.

    Raises MountFailed with the hook's reason, CommandFailed with LXC's own, CommandTimeout, Conflict if it runs already.
    """
    log = layout.lxc_log(name)
    for file in (log, layout.hook_error(name), monitors.pid_file(layout, name)):
        file.unlink(missing_ok=True)
    argv = tools.command(layout, name, tool, f"--logfile={log}", "--logpriority=ERROR", *words)
    try:
        result = runner.run(argv, timeout_s=timeout_s, ok_codes=None, env=_ENVIRONMENT)
    except CommandTimeout as error:
        details = _details(layout, name, error.output)
        text = f"{name}: {tool} did not end within {timeout_s:g} s"
        raise CommandTimeout(text, argv=error.argv, exit_code=error.exit_code, output=details) from error
    cause = lxc_log.cause(lxc_log.tail(log))
    if layout.hook_error(name).exists() or _has_failed(tool, result.exit_code, cause):
        raise _error(layout, name, result, cause)
    return result


def _has_failed(tool: str, exit_code: int, cause: str) -> bool:
    """Tell a container that was not started from one that was; the exit code of lxc-execute may be the command's own."""
    return _ALREADY_RUNNING in cause or (exit_code != 0 and (tool == "lxc-start" or cause != ""))


def _error(layout: Layout, name: str, result: CommandResult, cause: str) -> HostError | Conflict:
    details = _details(layout, name, result.output)
    if _ALREADY_RUNNING in cause:
        return Conflict(f"{name} is running already", details)
    if hook_error := _hook_error(layout, name):
        return MountFailed(f"{name} did not start: {hook_error}", details)
    text = f"{name} did not start: {cause or describe(result)}"
    return CommandFailed(text, argv=result.argv, exit_code=result.exit_code, output=details)


def _hook_error(layout: Layout, name: str) -> str:
    try:
        return layout.hook_error(name).read_text(errors="replace").strip()
    except FileNotFoundError:
        return ""


def _details(layout: Layout, name: str, output: str) -> str:
    # The tool prints a part of what its monitor writes to the log.
    return "\n".join(text for text in (_hook_error(layout, name), lxc_log.tail(layout.lxc_log(name)) or output) if text)
