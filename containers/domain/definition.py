"""What a container is (DESIGN: the container definition): one value for form, API, import, revisions and worker. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from containers.domain import names
from containers.domain.init_cmd import init_cmd
from containers.domain.text import MAX_COMMAND, MAX_ENV_VALUE, MAX_PATH, check_text
from containers.domain.values import Value

DEFAULT_IDMAP_SIZE: Final = 65_536
FILE_SUFFIX: Final = ":file"
DEFAULT_CMD: Final = "/sbin/init"
DEFAULT_CWD: Final = "/"
DEFAULT_HALT: Final = "SIGINT"

MAX_DEPENDS: Final = 100
# The kernel's limit for the lower directories of an overlay (OVL_MAX_STACK). Their names fill a page long before that,
# unless they are very short: `domain.overlay`.
MAX_LAYERS: Final = 500
MAX_MOUNTS: Final = 100
MAX_ENV: Final = 500

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


@dataclass(frozen=True)
class MountSpec:
    """A volume in a container: a directory, or with `is_file` a file, at a path relative to the root filesystem."""

    volume: str
    mountpoint: str
    is_file: bool

    @classmethod
    def of(cls, volume: str, target: str) -> MountSpec:
        """Read one item of a definition's `mounts`."""
        return cls(volume, target.removesuffix(FILE_SUFFIX), target.endswith(FILE_SUFFIX))


def _as_tuple(value: object) -> object:
    # JSON has lists only; pydantic would also take a set or a generator for a tuple, whose order is chance.
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return tuple(value)


def _at_most(limit: int) -> BeforeValidator:
    """Return a check that refuses a longer list or object as a whole, before each of its entries gets a complaint."""

    def check(value: object) -> object:
        if isinstance(value, list | tuple | dict) and len(value) > limit:
            raise ValueError(f"must have at most {limit} entries")
        return value

    return BeforeValidator(check)


def _no_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"{', '.join(repeated)} is named more than once")
    return values


def _some_layers(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("at least one layer is needed")
    return _no_repeats(values)


def _mount_target(value: str) -> str:
    is_file = value.endswith(FILE_SUFFIX)
    return names.mountpoint(value.removesuffix(FILE_SUFFIX)) + FILE_SUFFIX * is_file


def _disjoint(mounts: dict[str, str]) -> dict[str, str]:
    by_mountpoint: dict[str, MountSpec] = {}
    for spec in _specs(mounts):
        if other := by_mountpoint.get(spec.mountpoint):
            raise ValueError(f"{other.volume} and {spec.volume} are both mounted at /{spec.mountpoint}")
        by_mountpoint[spec.mountpoint] = spec
    for spec in by_mountpoint.values():
        for parent in _parents(spec.mountpoint):
            if (other := by_mountpoint.get(parent)) and other.is_file:
                raise ValueError(f"{spec.volume} is mounted below /{parent}, which is the file {other.volume}")
    return mounts


def _specs(mounts: dict[str, str]) -> Iterable[MountSpec]:
    return (MountSpec.of(volume, target) for volume, target in mounts.items())


def _parents(path: str) -> Iterable[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _mapped_id(value: str, info: ValidationInfo) -> str:
    size = (info.context or {}).get("idmap_size", DEFAULT_IDMAP_SIZE)
    if not _DECIMAL.fullmatch(value) or int(value) >= size:
        raise ValueError(f"must be a number from 0 to {size - 1}, in digits")
    return value


def _env_value(value: str) -> str:
    return check_text(value, max_length=MAX_ENV_VALUE)


def _working_directory(value: str) -> str:
    if not check_text(value, max_length=MAX_PATH).startswith("/"):
        raise ValueError("must be an absolute path")
    if {".", ".."}.intersection(value.split("/")):
        raise ValueError("must not have '.' or '..' as a part")
    return value


def _init_command(value: str) -> str:
    init_cmd(check_text(value, max_length=MAX_COMMAND))
    return value


def _ready_command(value: str) -> str:
    if not check_text(value, max_length=MAX_COMMAND).strip():
        raise ValueError("must not be empty")
    return value


ContainerName = Annotated[str, AfterValidator(names.container_name)]
LayerName = Annotated[str, AfterValidator(names.layer_name)]
VolumeName = Annotated[str, AfterValidator(names.volume_name)]
MountTarget = Annotated[str, AfterValidator(_mount_target)]
EnvKey = Annotated[str, AfterValidator(names.env_key)]
EnvValue = Annotated[str, AfterValidator(_env_value)]
MappedId = Annotated[str, AfterValidator(_mapped_id)]
Depends = Annotated[tuple[ContainerName, ...], BeforeValidator(_as_tuple), _at_most(MAX_DEPENDS), AfterValidator(_no_repeats)]
Layers = Annotated[tuple[LayerName, ...], BeforeValidator(_as_tuple), _at_most(MAX_LAYERS), AfterValidator(_some_layers)]
Mounts = Annotated[dict[VolumeName, MountTarget], _at_most(MAX_MOUNTS), AfterValidator(_disjoint)]
Env = Annotated[dict[EnvKey, EnvValue], _at_most(MAX_ENV)]
InitCommand = Annotated[str, AfterValidator(_init_command)]
WorkingDirectory = Annotated[str, AfterValidator(_working_directory)]
ReadyCommand = Annotated[str, AfterValidator(_ready_command)]


class Definition(Value):
    """One container definition; every instance is valid by itself, whether its names exist is not asked here."""

    build: bool = False
    depends: Depends = ()
    layers: Layers = Field(default=(), validate_default=True)
    mounts: Mounts = {}
    env: Env = {}
    uid: MappedId | None = None
    gid: MappedId | None = None
    cmd: InitCommand | None = None
    cwd: WorkingDirectory | None = None
    ready: ReadyCommand | None = None
    halt: Annotated[str, AfterValidator(names.signal_name)] | None = None

    @classmethod
    def parse(cls, data: object, *, idmap_size: int = DEFAULT_IDMAP_SIZE, field: str = "definition") -> Self:
        """Return the definition that JSON `data` describes; raise InvalidRequest with every error at once."""
        return cls.validate_as(data, field=field, context={"idmap_size": idmap_size})

    @property
    def mount_specs(self) -> tuple[MountSpec, ...]:
        """The volumes in the order of the definition."""
        return tuple(_specs(self.mounts))

    def export(self) -> dict[str, object]:
        """Return the JSON form: keys in the contract's order, those that hold their default left out."""
        return self.model_dump(mode="json", exclude_defaults=True)
