"""The graph of dependencies, and what a scenario would do to it."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Query, Schema
from pydantic import Field

from containers.api.auth import SEE, ApiRequest
from containers.api.operations import MAX_TARGETS
from containers.api.routing import Router
from containers.api.schemas import ERRORS
from containers.domain.definition import ContainerName
from containers.domain.estimate import Timing
from containers.domain.graph import Graph
from containers.domain.steps import Action
from containers.services import sight, simulation, timings
from containers.services.simulation import Scenario, Simulation

router = Router(tags=["operations"])


class GraphFilter(Schema):
    simulate: Annotated[Scenario | None, Field(description="Also tell what this would do, and how long it took before")] = None
    container: Annotated[list[ContainerName], Field(max_length=MAX_TARGETS)] = []


class GraphNode(Schema):
    container: str
    state: str
    tier: int
    needs: list[str]
    needed_by: list[str]
    ready_after_ms: Annotated[int | None, Field(description="Median of the last starts")]


class SimulatedStep(Schema):
    number: int
    container: str
    action: str
    reason: str
    after: list[int]
    begins_ms: int
    lasts_ms: Annotated[int | None, Field(description="Median of the last runs; null where none is on record")]


class SimulationOut(Schema):
    scenario: str
    targets: list[str]
    total_ms: int
    critical: Annotated[list[int], Field(description="The steps that the total hangs on")]
    steps: list[SimulatedStep]


class GraphOut(Schema):
    tiers: list[list[str]]
    containers: list[GraphNode]
    simulation: SimulationOut | None


@router.get("/graph/", auth=SEE, response={200: GraphOut, **ERRORS})
def show_graph(request: ApiRequest, query: Query[GraphFilter]) -> dict[str, Any]:
    """Return who needs whom, by tiers; with `simulate`, what that would do to `container`, in order. Touches nothing."""
    graph = Graph(sight.edges())
    tiers = graph.tiers()
    states = dict(sight.containers().values_list("name", "state"))
    ready_after = timings.medians()
    nodes = [
        {
            "container": name,
            "state": states[name],
            "tier": number,
            "needs": list(graph.needs(name)),
            "needed_by": list(graph.needed_by(name)),
            "ready_after_ms": _milliseconds(ready_after.get((name, Action.START.value))),
        }
        for number, tier in enumerate(tiers, start=1)
        for name in tier
        if name in states
    ]
    found = simulation.simulate(query.simulate, query.container) if query.simulate else None
    return {"tiers": tiers, "containers": nodes, "simulation": found and _simulation(found)}


def _simulation(found: Simulation) -> dict[str, Any]:
    return {
        "scenario": found.scenario.value,
        "targets": list(found.targets),
        "total_ms": _milliseconds(found.estimate.total_s),
        "critical": list(found.estimate.critical),
        "steps": [_step(timing) for timing in found.estimate.timings],
    }


def _step(timing: Timing) -> dict[str, Any]:
    step = timing.step
    return {
        "number": step.number,
        "container": step.container,
        "action": step.action.value,
        "reason": step.reason,
        "after": list(step.after),
        "begins_ms": _milliseconds(timing.begins_s),
        "lasts_ms": _milliseconds(timing.lasts_s),
    }


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
