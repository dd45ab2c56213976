"""Users and groups of a container, by name or number, looked up with the container's own getent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from containers.errors import HostError, InvalidRequest, NotFound
from containers.host.command import NOT_FOUND, CommandResult

# Runs a command in the container and returns how it ended, whatever its exit code.
Ask = Callable[[Sequence[str]], CommandResult]

_GETENT_NOT_FOUND: Final = 2
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?", re.ASCII)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


def resolve(ask: Ask, uid: str | None, gid: str | None) -> tuple[int, int]:
    """Return the numbers of a user and a group; without a group it is the user's own, without both it is root.

    A number that the container does not know stands for itself and for a group of the same number. Raises
    InvalidRequest for what is neither name nor number, NotFound for an unknown name, HostError without getent.
    """
    user, own_group = _user(ask, uid, needs_group=gid is None)
    return user, own_group if gid is None else _group(ask, gid)


def _user(ask: Ask, uid: str | None, *, needs_group: bool) -> tuple[int, int]:
    if uid is None:
        return 0, 0
    if _is_number(uid, "uid") and not needs_group:
        return int(uid), int(uid)
    # name:password:uid:gid:…
    fields = _getent(ask, "passwd", uid)
    if fields is None and uid.isdigit():
        return int(uid), int(uid)
    if fields is None:
        raise NotFound(f"there is no user {uid} in the container")
    return int(fields[2]), int(fields[3])


def _group(ask: Ask, gid: str) -> int:
    if _is_number(gid, "gid"):
        return int(gid)
    fields = _getent(ask, "group", gid)
    if fields is None:
        raise NotFound(f"there is no group {gid} in the container")
    return int(fields[2])


def _is_number(value: str, field: str) -> bool:
    if _NUMBER.fullmatch(value):
        return True
    if not _NAME.fullmatch(value):
        raise InvalidRequest.of(field, "must be a number or a name of letters, digits, '.', '_' and '-'")
    return False


def _getent(ask: Ask, database: str, key: str) -> list[str] | None:
    result = ask(["getent", database, key])
    if result.exit_code == NOT_FOUND and not key.isdigit():
        raise HostError("there is no getent in the container to look up names with", resolution="Give a number")
    if result.exit_code in {_GETENT_NOT_FOUND, NOT_FOUND}:
        return None
    # What a container's program prints is not to be trusted.
    fields = result.output.split("\n", 1)[0].split(":")
    count = 2 if database == "passwd" else 1
    numbers = fields[2 : 2 + count]
    if result.exit_code or len(numbers) < count or not all(_NUMBER.fullmatch(number) for number in numbers):
        raise HostError(f"getent {database} {key} gave no usable answer", details=result.output)
    return fields
