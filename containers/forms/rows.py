"""The parts of a definition that are rows of a form: dependencies, layers, mounts, environment.

What was typed is kept as it is, right or wrong; the value is judged by `ContainerSpec`, like every other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from django.http import QueryDict
from django.utils.translation import gettext as _

from containers.choices import MountKind
from containers.domain.definition import MountSpec
from containers.errors import FieldError

MAX_ROWS: Final = 1_000


@dataclass(frozen=True)
class MountRow:
    volume: str = ""
    mountpoint: str = ""
    kind: str = MountKind.DIRECTORY.value

    @property
    def is_blank(self) -> bool:
        return not self.volume and not self.mountpoint

    @property
    def target(self) -> str:
        mountpoint = self.mountpoint.removeprefix("/")
        return f"{mountpoint}:file" if self.kind == MountKind.FILE else mountpoint


@dataclass(frozen=True)
class EnvRow:
    key: str = ""
    value: str = ""

    @property
    def is_blank(self) -> bool:
        return not self.key and not self.value


@dataclass
class Rows:
    """`layers` has the highest first, as the page shows them; the definition has the lowest first."""

    depends: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    mounts: list[MountRow] = field(default_factory=list)
    env: list[EnvRow] = field(default_factory=list)

    @classmethod
    def of_definition(cls, definition: Mapping[str, Any]) -> Self:
        specs = [MountSpec.of(volume, target) for volume, target in definition.get("mounts", {}).items()]
        kinds = {True: MountKind.FILE.value, False: MountKind.DIRECTORY.value}
        return cls(
            depends=list(definition.get("depends", [])),
            layers=list(reversed(definition.get("layers", []))),
            mounts=[MountRow(spec.volume, f"/{spec.mountpoint}", kinds[spec.is_file]) for spec in specs],
            env=[EnvRow(key, value) for key, value in definition.get("env", {}).items()],
        )

    @classmethod
    def of_post(cls, data: QueryDict) -> Self:
        mounts = _zip(data, "mount_volume", "mount_point", "mount_kind")
        env = [EnvRow(*values) for values in _zip(data, "env_key", "env_value")]
        # A layer chosen below the list is put on top of it.
        layers = [*data.getlist("layer_on_top"), *data.getlist("layers")]
        return cls(
            depends=[name for name in data.getlist("depends")[:MAX_ROWS] if name],
            layers=[name for name in layers[:MAX_ROWS] if name],
            mounts=[row for values in mounts if not (row := MountRow(*values)).is_blank],
            env=[row for row in env if not row.is_blank] + _pasted(data.get("env_lines", "")),
        )

    def to_definition(self) -> dict[str, Any]:
        """Return the JSON form, empty parts left out; of rows with the same key the last one stays (see `errors`)."""
        parts: dict[str, Any] = {
            "depends": self.depends,
            "layers": list(reversed(self.layers)),
            "mounts": {row.volume: row.target for row in self.mounts},
            "env": {row.key: row.value for row in self.env},
        }
        return {key: value for key, value in parts.items() if value}

    def to_post(self) -> dict[str, list[str]]:
        """Return the fields that a browser sends for these rows."""
        return {
            "depends": self.depends,
            "layers": self.layers,
            "mount_volume": [row.volume for row in self.mounts],
            "mount_point": [row.mountpoint for row in self.mounts],
            "mount_kind": [row.kind for row in self.mounts],
            "env_key": [row.key for row in self.env],
            "env_value": [row.value for row in self.env],
        }

    def errors(self) -> list[FieldError]:
        """Return what the JSON form cannot express: two rows for one key."""
        message = _("stands in two rows")
        volumes = _repeated(row.volume for row in self.mounts)
        keys = _repeated(row.key for row in self.env)
        return [FieldError(f"definition.mounts.{name}", message) for name in volumes] + [
            FieldError(f"definition.env.{key}", message) for key in keys
        ]

    def change(self, command: str) -> bool:
        """Do what a button says: "remove-env-2", "up-layers-1", "down-layers-0", "add-mounts". Returns whether it could."""
        verb, _dash, rest = command.partition("-")
        part, _dash, number = rest.partition("-")
        rows = getattr(self, part, None) if part in {"depends", "layers", "mounts", "env"} else None
        if not isinstance(rows, list) or verb not in _VERBS:
            return False
        index = int(number) if number.isascii() and number.isdigit() and len(number) < 5 else -1
        return _VERBS[verb](rows, index)


def _zip(data: QueryDict, *names: str) -> Iterable[tuple[str, ...]]:
    columns: Sequence[list[str]] = [data.getlist(name)[:MAX_ROWS] for name in names]
    return zip(*columns, strict=False)


def _pasted(text: str) -> list[EnvRow]:
    """Read KEY=value lines; empty ones and comments are dropped, `export` too."""
    lines = (line.strip().removeprefix("export ") for line in text.splitlines())
    return [EnvRow(*map(str.strip, line.split("=", 1))) for line in lines if "=" in line and not line.startswith("#")]


def _repeated(values: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [value for value in values if value in seen or seen.add(value)]  # type: ignore[func-returns-value]


def _remove(rows: list[Any], index: int) -> bool:
    if 0 <= index < len(rows):
        del rows[index]
        return True
    return False


def _move(rows: list[Any], index: int, to: int) -> bool:
    if 0 <= index < len(rows) and 0 <= to < len(rows):
        rows.insert(to, rows.pop(index))
        return True
    return False


_VERBS: Final[dict[str, Callable[[list[Any], int], bool]]] = {
    # The page shows an empty row below the others anyway.
    "add": lambda rows, index: True,
    "remove": _remove,
    "up": lambda rows, index: _move(rows, index, index - 1),
    "down": lambda rows, index: _move(rows, index, index + 1),
}
