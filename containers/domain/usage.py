"""What containers and their host use of the machine at one moment, and how that of many containers is kept in one value."""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Final, TypeVar

# A key and six numbers, in the byte order of every machine: 32 bytes for a container.
_RECORD: Final = struct.Struct("<Q6f")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one container uses; None where it is not known, or, for the limit, where there is none."""

    # Processors: 1.5 keeps one busy, and another one half of the time.
    cpu: float | None = None
    memory_bytes: float | None = None
    memory_limit_bytes: float | None = None
    processes: float | None = None
    # As seen by the container.
    received_bytes_s: float | None = None
    sent_bytes_s: float | None = None


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """What is in use of the host as a whole; the disk is the one that holds the data directory."""

    cpu: float | None
    processors: float
    memory_bytes: float
    memory_total_bytes: float
    disk_bytes: float
    disk_total_bytes: float


def pack(usages: Mapping[int, Usage]) -> bytes:
    """Return the usage of many containers, {key: usage}, as bytes that `unpack` and `find` read."""
    return b"".join(_RECORD.pack(key, *map(_to_float, astuple(usages[key]))) for key in sorted(usages))


def unpack(packed: bytes) -> dict[int, Usage]:
    """Return what `pack` was given, numbers to seven digits. Raises ValueError for what it has not made."""
    try:
        return {key: Usage(*map(_from_float, values)) for key, *values in _RECORD.iter_unpack(packed)}
    except struct.error as error:
        raise ValueError(f"{len(packed)} bytes are no whole number of records") from error


def find(packed: bytes, key: int) -> Usage | None:
    """Return the usage of one container out of what `pack` made, without looking at most of the others."""
    index = bisect_left(range(len(packed) // _RECORD.size), key, key=lambda index: _key_at(packed, index))
    if (index + 1) * _RECORD.size > len(packed) or _key_at(packed, index) != key:
        return None
    return Usage(*map(_from_float, _RECORD.unpack_from(packed, index * _RECORD.size)[1:]))


Record = TypeVar("Record", Usage, MachineUsage)


def mean(usages: Iterable[Record]) -> Record:
    """Return the means of at least one usage, of each number over those in which it is known."""
    found = list(usages)
    make: Callable[..., Record] = type(found[0])
    return make(*map(_mean, zip(*map(astuple, found), strict=True)))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _key_at(packed: bytes, index: int) -> int:
    return int.from_bytes(packed[index * _RECORD.size : index * _RECORD.size + 8], "little")


def _to_float(value: float | None) -> float:
    return math.nan if value is None else value


def _from_float(value: float) -> float | None:
    return None if math.isnan(value) else value
