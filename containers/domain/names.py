"""The names that become paths, options and configuration keys: strict patterns, ASCII only. Pure.

Each function returns its argument (a mountpoint without its leading "/") or raises ValueError with a sentence.
"""

from __future__ import annotations

import re
from typing import Final

from containers.domain.text import MAX_PATH, check_text

MAX_NAME: Final = 63
MAX_KEY: Final = 128
MAX_PATH_COMPONENT: Final = 255

_CONTAINER: Final = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?", re.ASCII)
_STORED: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.ASCII)
_ENV_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_REALTIME: Final = re.compile(r"SIGRT(?:MIN\+|MAX-)(0|[1-9][0-9]?)", re.ASCII)
_NUMBER: Final = re.compile(r"[1-9][0-9]?", re.ASCII)

# The name of every container stands in the hosts file of all: this one would point 127.0.0.1's name elsewhere.
_RESERVED: Final = frozenset({"localhost"})

# LXC mounts these itself, after our entries: a volume there would be hidden or would hide what isolates the container.
_SYSTEM_MOUNTPOINTS: Final = frozenset({"proc", "sys", "dev"})
HOSTS_MOUNTPOINT: Final = "etc/hosts"

# Separators of overlay options, of fstab lines and of a definition's `:file`, and what quotes or comments in them.
_MOUNTPOINT_REFUSED: Final = frozenset("\\,:\"'#")

# Every name that LXC 5.0.2 knows on Linux (src/lxc/confile_utils.c); an unknown one makes the whole file invalid.
_SIGNAL: Final = re.compile(
    r"SIG(?:ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS"
    r"|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ)"
)


def container_name(value: str) -> str:
    """Check a container's name: it is also its host name, so a DNS label that starts with a letter."""
    check_text(value, max_length=MAX_NAME)
    if not _CONTAINER.fullmatch(value):
        raise ValueError("must start with a letter a-z, end with a letter or digit, and have only letters a-z, digits and '-'")
    if value in _RESERVED:
        raise ValueError("is reserved")
    return value


def layer_name(value: str) -> str:
    """Check a layer's name: it becomes a directory's name and a part of overlay options."""
    return _stored_name(value)


def volume_name(value: str) -> str:
    """Check a volume's name: it becomes a directory's name and a source in LXC's mount entries."""
    return _stored_name(value)


def _stored_name(value: str) -> str:
    check_text(value, max_length=MAX_NAME)
    if ".." in value:
        raise ValueError("must not contain '..'")
    if not _STORED.fullmatch(value):
        raise ValueError("must start and end with a letter a-z or digit, and have only letters a-z, digits, '.', '_' and '-'")
    return value


def mountpoint(value: str) -> str:
    """Check a path in the root filesystem and return it without its leading "/"."""
    check_text(value)
    path = value.removeprefix("/")
    # The kernel counts bytes.
    if len(path.encode()) > MAX_PATH:
        raise ValueError(f"is longer than {MAX_PATH} bytes")
    for character in path:
        if character.isspace() or character in _MOUNTPOINT_REFUSED:
            raise ValueError(f"must not contain {'white space' if character.isspace() else character}")
    _check_components(path)
    return path


def _check_components(path: str) -> None:
    if not path:
        raise ValueError("must be a path below the root directory")
    components = path.split("/")
    for component in components:
        if component in {"", ".", ".."} or component.startswith("-"):
            raise ValueError("must not have an empty part, '.', '..', or a part that starts with '-'")
        if len(component.encode()) > MAX_PATH_COMPONENT:
            raise ValueError(f"has a part longer than {MAX_PATH_COMPONENT} bytes")
    if components[0] in _SYSTEM_MOUNTPOINTS:
        raise ValueError(f"must not be /{components[0]} or below it")
    if f"{path}/".startswith(f"{HOSTS_MOUNTPOINT}/"):
        raise ValueError(f"/{HOSTS_MOUNTPOINT} is where every container gets the names and addresses of all")


def env_key(value: str) -> str:
    """Check the name of an environment variable."""
    check_text(value, max_length=MAX_KEY)
    if not _ENV_KEY.fullmatch(value):
        raise ValueError("a variable's name must start with a letter or '_', and have only letters A-Z, a-z, digits and '_'")
    return value


def signal_name(value: str) -> str:
    """Check a signal in a form that LXC knows: SIGTERM, SIGRTMIN+3, SIGRTMAX-0, or a number from 1 to 64."""
    check_text(value, max_length=20)
    realtime = _REALTIME.fullmatch(value)
    is_number = bool(_NUMBER.fullmatch(value)) and int(value) <= 64
    if _SIGNAL.fullmatch(value) or is_number or (realtime and int(realtime[1]) <= 30):
        return value
    raise ValueError("is not a signal: use a name such as SIGTERM or SIGRTMIN+3, or a number from 1 to 64")
