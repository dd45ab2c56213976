"""Run a program that works with what others send, from the network or in scripts, shut into the current directory.

    python3 -m containers.host.shut_in ID_BASE ID_SIZE MAX_BYTES -- PROGRAM [ARGUMENT ...]

The program is root over the mapped ids and nothing else, has the network, and can write nothing but the directory, which it
finds at PLACE and which is its home. When it ends, or this program does, all that it started ends, too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from containers.host.confine import TELLING, confine, die_with_parent, limit, separate_processes, show_processes

# Empty on a server, or something that the program has no business with (hier(7)).
PLACE: Final = "/mnt"
_USERNSEXEC: Final = "/usr/bin/lxc-usernsexec"
_ENVIRONMENT: Final = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"HOME={PLACE}", f"TMPDIR={PLACE}")


def _become(base: str, size: str, command: list[str]) -> NoReturn:
    """Be the program. Its first PATH is our own: see `layers.ENVIRONMENT`."""
    die_with_parent()
    show_processes()
    argv = [_USERNSEXEC, "-m", f"b:0:{base}:{size}", "--", "/usr/bin/env", *_ENVIRONMENT, *TELLING, *command]
    os.execv(_USERNSEXEC, argv)  # noqa: S606 - no shell but ours


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the program's exit code, 128 and its number when a signal ended it."""
    base, size, max_bytes, _, *command = arguments
    try:
        die_with_parent()
        confine(str(Path.cwd()), has_network=True, seen_at=PLACE)
        limit(int(max_bytes))
        separate_processes()
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    child = os.fork()
    if child == 0:
        _become(base, size, command)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
