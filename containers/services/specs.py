"""Between rows and values: what a container's rows say, and the rows that a spec makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from containers.choices import MountKind
from containers.domain.limits import Timeouts
from containers.domain.spec import ContainerSpec
from containers.models import Container, Dependency, EnvironmentVariable, LayerUse, Mount

DEFAULT_TIMEOUTS: Final = Timeouts()
PLAIN_KEYS: Final = ("build", "uid", "gid", "cmd", "cwd", "ready", "halt")


def spec_of(container: Container) -> ContainerSpec:
    """Return the container as one validated value; load the rows with `with_definition()` first.

    Raises InvalidRequest where the rows, changed behind the forms' back, make no valid container.
    """
    return ContainerSpec.parse(data_of(container), idmap_size=settings.IDMAP_SIZE)


def data_of(container: Container) -> dict[str, Any]:
    """Return the container in its JSON form, defaults left out; judges nothing, so that a broken row can be shown."""
    data: dict[str, Any] = {
        "name": container.name,
        "definition": definition_of(container),
        "description": container.description,
        "autostart": container.autostart,
        "protected": container.protected,
        "limits": {key: value for key, value in limits_of(container).items() if value is not None},
        "timeouts": {key: value for key, value in timeouts_of(container).items() if value != getattr(DEFAULT_TIMEOUTS, key)},
    }
    return {key: value for key, value in data.items() if value or key == "definition"}


def definition_of(container: Container) -> dict[str, Any]:
    """Return the definition in its JSON form, keys in the contract's order, defaults left out."""
    definition: dict[str, Any] = {
        "build": container.build,
        "depends": [row.needs.name for row in container.dependencies.all()],
        "layers": [row.layer.name for row in container.layer_uses.all()],
        "mounts": {row.volume: row.target for row in container.mounts.all()},
        "env": {row.key: row.value for row in container.environment.all()},
    }
    definition = {key: value for key, value in definition.items() if value}
    texts = ((key, getattr(container, key)) for key in PLAIN_KEYS if key != "build")
    return definition | {key: value for key, value in texts if value is not None}


def limits_of(container: Container) -> dict[str, Any]:
    """Return all limits, None where there is none."""
    return {"memory_bytes": container.memory_bytes, "cpus": container.cpus, "pids": container.pids}


def timeouts_of(container: Container) -> dict[str, int]:
    """Return all time-outs in seconds."""
    return {"start": container.start_timeout, "ready": container.ready_timeout, "stop": container.stop_timeout}


def columns(spec: ContainerSpec) -> dict[str, Any]:
    """Return the values of the container's own columns that `spec` decides."""
    return {
        "description": spec.description,
        "autostart": spec.autostart,
        "protected": spec.protected,
        **{key: getattr(spec.definition, key) for key in PLAIN_KEYS},
        "memory_bytes": spec.limits.memory_bytes,
        "cpus": spec.limits.cpus,
        "pids": spec.limits.pids,
        "start_timeout": spec.timeouts.start,
        "ready_timeout": spec.timeouts.ready,
        "stop_timeout": spec.timeouts.stop,
    }


def write_rows(container: Container, spec: ContainerSpec, *, needs: Mapping[str, int], layers: Mapping[str, int]) -> None:
    """Replace the rows beside the container's own; `needs` and `layers` map the names in `spec` to keys.

    Call it in a transaction. At most eight queries, whatever the number of rows.
    """
    for model in (Dependency, LayerUse, Mount, EnvironmentVariable):
        model.objects.filter(container=container).delete()
    definition = spec.definition
    Dependency.objects.bulk_create(
        Dependency(container=container, needs_id=needs[name], position=position)
        for position, name in enumerate(definition.depends)
    )
    LayerUse.objects.bulk_create(
        LayerUse(container=container, layer_id=layers[name], position=position) for position, name in enumerate(definition.layers)
    )
    Mount.objects.bulk_create(
        Mount(
            container=container,
            volume=mount.volume,
            mountpoint=mount.mountpoint,
            kind=MountKind.FILE if mount.is_file else MountKind.DIRECTORY,
            position=position,
        )
        for position, mount in enumerate(definition.mount_specs)
    )
    EnvironmentVariable.objects.bulk_create(
        EnvironmentVariable(container=container, key=key, value=value, position=position)
        for position, (key, value) in enumerate(definition.env.items())
    )
