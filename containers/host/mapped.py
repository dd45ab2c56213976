"""Running programs of others as the id map's root, shut into one directory (`host.shut_in`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from containers.host import layers, room, shut_in
from containers.host.command import Runner
from containers.host.overlay import IdMap
from containers.host.shut_in import PLACE

__all__ = ["PLACE", "run"]


def run(
    runner: Runner,
    words: Sequence[str],
    directory: Path,
    idmap: IdMap,
    *,
    timeout_s: float,
    proxies: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    stdin: int | None = None,
    watch: Callable[[], None] = lambda: None,
) -> str:
    """Run a program that finds `directory` at PLACE and can write nothing else; return what it printed, without `secrets`.

    `proxies` is what its environment says of them.

    `stdin` is an open file for it to read.
    Raises CommandFailed with its own words, CommandTimeout, Cancelled, HostError before the disk is full.
    """

    def check() -> None:
        room.require(directory)
        watch()

    numbers = map(str, (idmap.base, idmap.size, layers.MAX_BYTES))
    argv = [*layers.PROGRAM, shut_in.__name__, *numbers, "--", *words]
    env = {**layers.ENVIRONMENT, **(proxies or {})}
    return runner.run(argv, cwd=directory, env=env, stdin=stdin, timeout_s=timeout_s, secrets=secrets, watch=check).output
