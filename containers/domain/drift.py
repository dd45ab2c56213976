"""What is other than it should be: the definition, the file that LXC reads, and what runs, side by side. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Final, Self

from containers.domain.limits import Limits
from containers.domain.lxc_config import Item, parse
from containers.domain.secrecy import Masker, masked_setting
from containers.domain.text import shown

# More of a file that was written by somebody else says nothing new.
MOST_ENTRIES: Final = 50
MOST_TEXT: Final = 300
# The kernel keeps memory in pages, and quotas of processors in microseconds of a period.
_PAGE_BYTES: Final = 65_536
_CPUS: Final = 0.005


class Aspect(StrEnum):
    """Where something differs."""

    CONFIG = "config"
    LIMITS = "limits"
    ROOTFS = "rootfs"


@dataclass(frozen=True)
class Entry:
    """One difference. `wanted` is the definition's, `rendered` the file's, `actual` what the kernel has; "" is nothing."""

    aspect: Aspect
    key: str
    wanted: str
    rendered: str
    actual: str

    def masked(self) -> Entry:
        """Return it as it is shown: without the secrets that the environment may hold."""
        sides = (self.wanted, self.rendered, self.actual)
        wanted, rendered, actual = (masked_setting(self.key, side, Masker()) for side in sides)
        return replace(self, wanted=wanted, rendered=rendered, actual=actual)

    def export(self) -> dict[str, str]:
        """Return the JSON form that a row keeps."""
        return {**asdict(self), "aspect": self.aspect.value}

    @classmethod
    def read(cls, data: object) -> Self | None:
        """Return what `export` made; None for anything else that a row may hold."""
        match data:
            case {
                "aspect": str(aspect),
                "key": str(key),
                "wanted": str(wanted),
                "rendered": str(rendered),
                "actual": str(actual),
            }:
                return cls(Aspect(aspect), key, wanted, rendered, actual) if aspect in {*Aspect} else None
        return None


def digest(entries: Sequence[Entry]) -> str:
    """Return what tells these differences from others; "" for none."""
    if not entries:
        return ""
    return sha256(json.dumps([entry.export() for entry in entries], sort_keys=True).encode()).hexdigest()


def of_config(wanted: str, found: str | None) -> tuple[Entry, ...]:
    """Compare the text that would be written with the one that is there, None being none: what LXC reads, not its looks."""
    if found is None:
        return (Entry(Aspect.CONFIG, "", "", "", ""),)
    try:
        items = parse(found)
    except ValueError as error:
        return (Entry(Aspect.CONFIG, "", "", _short(str(error)), ""),)
    lacking, more = Counter(parse(wanted)), Counter(items)
    lacking, more = lacking - more, more - lacking
    return tuple(_paired(lacking.elements(), more.elements()))[:MOST_ENTRIES]


def of_limits(limits: Limits, live: Limits) -> tuple[Entry, ...]:
    """Compare the limits that a run was started with to those that its control groups have."""
    entries = (
        _limit("limits.memory_bytes", limits.memory_bytes, live.memory_bytes, _PAGE_BYTES),
        _limit("limits.cpus", limits.cpus, live.cpus, _CPUS),
        _limit("limits.pids", limits.pids, live.pids, 0),
    )
    return tuple(entry for entry in entries if entry)


def of_rootfs(*, is_running: bool, is_mounted: bool, should_be_mounted: bool) -> tuple[Entry, ...]:
    """Compare whether the root filesystem is mounted with whether it should be: while it runs, or where it was asked for."""
    wanted = is_running or should_be_mounted
    if wanted == is_mounted:
        return ()
    return (Entry(Aspect.ROOTFS, "rootfs", _mounted(wanted), "", _mounted(is_mounted)),)


def _mounted(is_mounted: bool) -> str:
    return "mounted" if is_mounted else "not mounted"


def _paired(lacking: Iterable[Item], more: Iterable[Item]) -> Iterable[Entry]:
    """Put values of one key side by side, in the order of keys."""
    wanted, found = _by_key(lacking), _by_key(more)
    for key in sorted({*wanted, *found}):
        left, right = wanted.get(key, []), found.get(key, [])
        for number in range(max(len(left), len(right))):
            yield Entry(Aspect.CONFIG, _short(key), _at(left, number), _at(right, number), "")


def _by_key(items: Iterable[Item]) -> Mapping[str, list[str]]:
    values: dict[str, list[str]] = {}
    for key, value in items:
        values.setdefault(key, []).append(value)
    return {key: sorted(found) for key, found in values.items()}


def _at(values: Sequence[str], number: int) -> str:
    return _short(values[number]) if number < len(values) else ""


def _short(text: str) -> str:
    return shown(text, max_length=MOST_TEXT)


def _limit(key: str, wanted: float | None, actual: float | None, tolerance: float) -> Entry | None:
    if wanted == actual or (wanted is not None and actual is not None and abs(wanted - actual) <= tolerance):
        return None
    return Entry(Aspect.LIMITS, key, _amount(wanted), _amount(wanted), _amount(actual))


def _amount(value: float | None) -> str:
    return "" if value is None else str(value)
