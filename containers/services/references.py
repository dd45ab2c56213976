"""Whether definitions can be meant: containers they depend on without a cycle, layers that can be used, values not hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from containers.domain.graph import Graph
from containers.domain.secrecy import MASK
from containers.domain.spec import ContainerSpec
from containers.errors import FieldError, InvalidRequest
from containers.models import Layer
from containers.services import hosts

DEFINITION: Final = "definition"


@dataclass(frozen=True)
class References:
    """Names and their keys: of the containers that exist, and of the layers that can be used."""

    containers: Mapping[str, int]
    layers: Mapping[str, int]


def resolve(new: Sequence[ContainerSpec], *, fields: Mapping[str, str] | None = None, unavailable: bool = False) -> References:
    """Return the keys of all that the definitions in `new` refer to, taking them for saved already.

    Raises InvalidRequest with every missing name, with values that came here hidden, and with a cycle, if there is one.
    `fields` says by container where its definition stands in what was sent. With `unavailable`, layers that are still
    being imported will do.
    Call it with the host locked: otherwise two that save at once could close a cycle. Four queries.
    """
    paths = dict.fromkeys((spec.name for spec in new), DEFINITION) | dict(fields or {})
    # What goes with its job is nothing to depend on.
    existing = dict(hosts.containers().lasting().values_list("name", "pk"))
    layers = {row.name: row for row in hosts.layers()}
    names = {*existing, *(spec.name for spec in new)}
    errors: list[FieldError] = []
    for spec in new:
        errors += _missing_containers(spec, names, paths[spec.name])
        errors += _unusable_layers(spec, layers, paths[spec.name], unavailable=unavailable)
        errors += _hidden_values(spec, paths[spec.name])
    if errors:
        raise InvalidRequest.all(tuple(errors))
    _check_cycle(new, paths)
    return References(existing, {name: row.pk for name, row in layers.items()})


def _missing_containers(spec: ContainerSpec, names: set[str], path: str) -> list[FieldError]:
    return [
        FieldError(f"{path}.depends", f"there is no container {name}") for name in spec.definition.depends if name not in names
    ]


def _unusable_layers(spec: ContainerSpec, layers: Mapping[str, Layer], path: str, *, unavailable: bool) -> list[FieldError]:
    errors = []
    for name in spec.definition.layers:
        if name not in layers:
            errors.append(FieldError(f"{path}.layers", f"there is no layer {name}"))
        elif not (layers[name].is_available or unavailable):
            errors.append(FieldError(f"{path}.layers", f"the layer {name} is not ready for use yet"))
    return errors


def _hidden_values(spec: ContainerSpec, path: str) -> list[FieldError]:
    """Refuse what somebody was shown who may not see the value: it would be started with eight stars."""
    message = "is hidden in what you sent: put the value itself there"
    return [FieldError(f"{path}.env.{key}", message) for key, value in spec.definition.env.items() if value == MASK]


def _check_cycle(new: Sequence[ContainerSpec], paths: Mapping[str, str]) -> None:
    edges = {name: tuple(needs) for name, needs in hosts.containers().edges().items()}
    cycle = Graph(edges | {spec.name: spec.definition.depends for spec in new}).find_cycle()
    if cycle:
        path = next((paths[name] for name in cycle if name in paths), DEFINITION)
        raise InvalidRequest.of(f"{path}.depends", f"the dependencies go round in a circle: {' → '.join(cycle)}")
