"""Running a command in a running container."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence

from containers.domain.layout import Layout
from containers.errors import CommandFailed, CommandTimeout, HostError
from containers.host import command_socket, facts, tools
from containers.host.command import OUTPUT_CAP, CommandResult, Runner, describe


def command(
    layout: Layout,
    name: str,
    argv: Sequence[str],
    *,
    uid: int | None = None,
    gid: int | None = None,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
) -> list[str]:
    """Return lxc-attach's command line. Without ids it is root."""
    words = ["--clear-env"]
    words += [] if uid is None else [f"--uid={uid:d}"]
    words += [] if gid is None else [f"--gid={gid:d}"]
    # Always with "=": a bare name would copy our own value.
    words += [f"--set-var={key}={value}" for key, value in (env or {}).items()]
    # lxc-attach goes to where its caller is, which is "/".
    inside = argv if cwd is None else ["/bin/sh", "-c", 'cd -- "$0" && exec "$@"', cwd, *argv]
    return tools.command(layout, name, "lxc-attach", *words, "--", *inside)


def run(
    layout: Layout,
    runner: Runner,
    name: str,
    argv: Sequence[str],
    words: Sequence[str],
    *,
    timeout_s: float,
    ok_codes: Container[int] | None,
    input: bytes | None = None,
    output_cap: int = OUTPUT_CAP,
    watch: Callable[[], None] = lambda: None,
) -> CommandResult:
    """Run `words`, which runs `argv` in the container; errors speak of `argv`. Raises HostError if nothing runs there."""
    try:
        with command_socket.held(layout, name) as has_partner:
            result = runner.run(
                words,
                timeout_s=timeout_s,
                ok_codes=None,
                input=input,
                output_cap=output_cap,
                has_partner=has_partner,
                watch=watch,
            )
    except CommandTimeout as error:
        text = f"{argv[0]} in {name} did not end within {timeout_s:g} s"
        raise CommandTimeout(text, argv=error.argv, exit_code=error.exit_code, output=error.output) from error
    if result.exit_code and not facts.is_running(layout, name):
        raise HostError(f"{name} is not running", result.output)
    return require(result, argv, name, ok_codes)


def require(result: CommandResult, argv: Sequence[str], name: str, ok_codes: Container[int] | None) -> CommandResult:
    """Return the result if its exit code is wanted, or else raise CommandFailed about the command in the container."""
    if ok_codes is None or result.exit_code in ok_codes:
        return result
    inside = CommandResult((argv[0],), result.exit_code, result.output, result.duration_ms)
    raise CommandFailed(f"{name}: {describe(inside)}", argv=result.argv, exit_code=result.exit_code, output=result.output)
