"""Running programs of others as the id map's root, shut into one directory (`host.shut_in`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from containers.host import layers, room, shut_in
from containers.host.command import Runner
from containers.host.overlay import IdMap
from containers.host.shut_in import PLACE

__all__ = ["PLACE", "run"]

# What reaches the network the way the administrator wants it: the program itself has no other environment.
_PASSED_ON: Final = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")


def run(
    runner: Runner,
    words: Sequence[str],
    directory: Path,
    idmap: IdMap,
    *,
    timeout_s: float,
    watch: Callable[[], None] = lambda: None,
) -> str:
    """Run a program that finds `directory` at PLACE and can write nothing else; return what it printed.

    Raises CommandFailed with its own words, CommandTimeout, Cancelled, HostError before the disk is full.
    """

    def check() -> None:
        room.require(directory)
        watch()

    numbers = map(str, (idmap.base, idmap.size, layers.MAX_BYTES))
    argv = [*layers.PROGRAM, shut_in.__name__, *numbers, "--", *words]
    passed_on = {key: value for key in _PASSED_ON if (value := os.environ.get(key))}
    return runner.run(argv, cwd=directory, env={**layers.ENVIRONMENT, **passed_on}, timeout_s=timeout_s, watch=check).output
