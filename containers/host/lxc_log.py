"""What LXC writes to its log file when something fails: the cause stands first, consequences follow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from containers.domain.text import strip_controls

_TAIL_BYTES: Final = 16_384
# lxc-start NAME 20261124082030.110 ERROR    conf - ../src/lxc/conf.c:lxc_map_ids:3708 - message
_ERROR: Final = re.compile(r"^.* ERROR +(\S+) - \S+:\d+ - (.*)$", re.MULTILINE)
# A control group that cannot be made, since the one of an earlier run is just being removed, is tried under another name.
_TRIED_AGAIN: Final = "cgfsng"


def tail(path: Path) -> str:
    """Return the end of a log; an absent one is empty."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(stream.tell() - _TAIL_BYTES, 0))
            return strip_controls(stream.read().decode(errors="replace")).strip()
    except FileNotFoundError:
        return ""


def cause(log: str) -> str:
    """Return the message of the first error in a log, or an empty text if nothing followed from what is there."""
    errors: list[tuple[str, str]] = _ERROR.findall(log)
    return errors[0][1].strip() if any(part != _TRIED_AGAIN for part, _ in errors) else ""
