"""What one container needs and what needs it, directly and by way of others."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from containers.domain.drawing import draw
from containers.domain.graph import Graph
from containers.errors import InvalidRequest
from containers.services import sight
from containers.views import activities
from containers.views.activities import Shown
from containers.views.graph_shapes import Picture


class Surroundings:
    """The part of the graph that has to do with `name`; two queries."""

    def __init__(self, name: str, graph: Graph) -> None:
        self.name = name
        self._graph = graph
        self._below, self._above = graph.dependencies([name]), graph.dependents([name])

    @property
    def names(self) -> frozenset[str]:
        return self._below | self._above | {self.name}

    @property
    def is_alone(self) -> bool:
        return len(self.names) == 1

    @cached_property
    def _shown(self) -> dict[str, Shown]:
        rows = sight.containers().filter(name__in=self.names).select_related("last_job")
        return {shown.name: shown for shown in activities.show(rows, self._graph)}

    def _list(self, names: Iterable[str]) -> list[Shown]:
        return [self._shown[name] for name in sorted(names) if name in self._shown]

    @cached_property
    def beyond(self) -> tuple[int, int]:
        """How many it needs, and need it, that who looks may not see."""
        return sight.beyond(self.name)

    @property
    def needs(self) -> list[Shown]:
        return self._list(self._graph.needs(self.name))

    @property
    def needs_indirectly(self) -> list[Shown]:
        return self._list(self._below - {*self._graph.needs(self.name)})

    @property
    def needed_by(self) -> list[Shown]:
        return self._list(self._graph.needed_by(self.name))

    @property
    def needed_by_indirectly(self) -> list[Shown]:
        return self._list(self._above - {*self._graph.needed_by(self.name)})

    @cached_property
    def picture(self) -> Picture | None:
        """The drawing of these alone; None where rows that were changed behind the forms' back have no order."""
        part = Graph({name: [need for need in self._graph.needs(name) if need in self.names] for name in self.names})
        try:
            return Picture(draw(part), part, self._shown, {self.name: ""})
        except InvalidRequest:
            return None

    @property
    def nodes(self) -> list[object]:
        return [*self.picture.nodes()] if self.picture else []
