"""Who depends on whom: cycles, closures and order. Pure and deterministic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Final

from containers.domain.text import shown
from containers.errors import FieldError, InvalidRequest

_FIELD: Final = "definition.depends"


class Graph:
    """The dependencies of all containers: {name: names it depends on}."""

    def __init__(self, edges: Mapping[str, Sequence[str]]) -> None:
        self._needs = {name: tuple(sorted(set(needs))) for name, needs in sorted(edges.items())}
        needed_by: dict[str, list[str]] = {}
        for name, needs in self._needs.items():
            for need in needs:
                needed_by.setdefault(need, []).append(name)
        self._needed_by = {name: tuple(names) for name, names in needed_by.items()}

    @property
    def edges(self) -> Mapping[str, tuple[str, ...]]:
        """{name: names it depends on}, sorted."""
        return MappingProxyType(self._needs)

    @property
    def names(self) -> frozenset[str]:
        """Every container that exists."""
        return frozenset(self._needs)

    def needs(self, name: str) -> tuple[str, ...]:
        """What `name` depends on directly, sorted."""
        return self._needs.get(name, ())

    def needed_by(self, name: str) -> tuple[str, ...]:
        """What depends on `name` directly, sorted."""
        return self._needed_by.get(name, ())

    def dependencies(self, names: Iterable[str]) -> frozenset[str]:
        """All that `names` depend on, directly or not; one of `names` is in it only if another of them reaches it."""
        return _reach(names, self.needs)

    def dependents(self, names: Iterable[str]) -> frozenset[str]:
        """All that depends on `names`, directly or not; one of `names` is in it only if another of them reaches it."""
        return _reach(names, self.needed_by)

    def missing(self) -> dict[str, tuple[str, ...]]:
        """The dependencies that do not exist, by the container that names them."""
        absent = {name: tuple(need for need in needs if need not in self._needs) for name, needs in self._needs.items()}
        return {name: needs for name, needs in absent.items() if needs}

    def find_cycle(self) -> tuple[str, ...] | None:
        """Return one cycle as ("a", "b", "a"): a depends on b, b on a; it starts with the first of its names in order."""
        try:
            TopologicalSorter(self._needs).prepare()
        except CycleError as error:
            # graphlib lists what is needed before what needs it, and the first name again at the end.
            cycle = error.args[1][:0:-1]
            start = cycle.index(min(cycle))
            return (*cycle[start:], *cycle[:start], cycle[start])
        return None

    def check(self) -> None:
        """Raise InvalidRequest if a dependency does not exist or if there is a cycle, naming it."""
        if missing := self.missing():
            messages = [
                f"{name} depends on {shown(need)}, which does not exist" for name, needs in missing.items() for need in needs
            ]
            raise InvalidRequest.all(tuple(FieldError(_FIELD, message) for message in messages))
        if cycle := self.find_cycle():
            raise InvalidRequest.of(_FIELD, f"the dependencies go round in a circle: {' → '.join(cycle)}")

    def tiers(self) -> list[list[str]]:
        """Return the names by level: the first depends on nothing, each other on something in the level before.

        Raises InvalidRequest as `check` does.
        """
        return [list(tier) for tier in self._tiers]

    def order(self, names: Iterable[str], *, dependents_first: bool = False) -> list[str]:
        """Return `names` with dependencies first (or last), by name within a tier.

        Raises InvalidRequest as `check` does, but for what `names` depend on only: a fault elsewhere does not matter.
        """
        wanted = frozenset(names)
        below = Graph({name: self._needs[name] for name in (wanted | self.dependencies(wanted)) & self.names})
        tiers = reversed(below.tiers()) if dependents_first else below.tiers()
        return [name for tier in tiers for name in tier if name in wanted]

    @cached_property
    def _tiers(self) -> tuple[tuple[str, ...], ...]:
        self.check()
        sorter = TopologicalSorter(self._needs)
        sorter.prepare()
        tiers = []
        while tier := sorter.get_ready():
            tiers.append(tuple(sorted(tier)))
            sorter.done(*tier)
        return tuple(tiers)


def _reach(names: Iterable[str], neighbours: Callable[[str], tuple[str, ...]]) -> frozenset[str]:
    reached: set[str] = set()
    rest = [neighbour for name in names for neighbour in neighbours(name)]
    while rest:
        if (name := rest.pop()) not in reached:
            reached.add(name)
            rest += neighbours(name)
    return frozenset(reached)
