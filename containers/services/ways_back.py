"""The versions that installations can go back to. What these stand on is in use until they are given up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from containers.models import Installation, InstallationVersion, Layer
from containers.services import hosts


def find(row: Installation) -> InstallationVersion | None:
    """Return the version that an installation can go back to, if there is one; one query."""
    return InstallationVersion.objects.filter(installation=row, is_given_up=False).first()


@dataclass(frozen=True)
class WayBack:
    """Whose it is, and where it leads to."""

    installation: str
    version: str

    def __str__(self) -> str:
        return f"the way back of {self.installation} to {self.version}"


def stacks() -> list[tuple[WayBack, tuple[str, ...]]]:
    """Return who can go back, and the layers of each container then, the lowest first; one query."""
    here = InstallationVersion.objects.filter(installation__host__name=hosts.current_name(), is_given_up=False)
    rows = here.order_by("installation__name").values_list("installation__name", "version", "specs")
    return [(WayBack(name, version), stack) for name, version, specs in rows for stack in _stacks(specs)]


def layers() -> dict[str, list[WayBack]]:
    """Return, by the name of a layer, whose way back needs it; one query."""
    found: dict[str, list[WayBack]] = defaultdict(list)
    for back, stack in stacks():
        for name in stack:
            if back not in found[name]:
                found[name].append(back)
    return dict(found)


def mark(rows: Iterable[Layer]) -> None:
    """Write to each of these layers whose way back needs it; one query."""
    found = layers()
    for row in rows:
        row.ways_back = tuple(found.get(row.name, ()))


def _stacks(specs: Any) -> Iterator[tuple[str, ...]]:
    """Yield the layers that stand in a row, whatever else does."""
    for spec in specs.values() if isinstance(specs, dict) else ():
        definition = spec.get("definition") if isinstance(spec, dict) else None
        names = definition.get("layers") if isinstance(definition, dict) else None
        if isinstance(names, list):
            yield tuple(name for name in names if isinstance(name, str))
