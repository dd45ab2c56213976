"""An app's manifest, `app.toml`: what it is, what it asks, and what its containers are. `manifest_text` reads one.

docs/manifest.md explains it for authors. Pure: what stands beside the manifest (recipes, files) arrives as arguments.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from containers.domain import names, placeholders, recipe
from containers.domain.definition import FILE_SUFFIX, EnvKey, MappedId, MountTarget
from containers.domain.image import ImageRef, image_version
from containers.domain.placeholders import Quoting
from containers.domain.questions import Line, Question, Size, as_tuple, capability, one_of, size
from containers.domain.text import MAX_COMMAND, MAX_DESCRIPTION, MAX_PATH, check_text
from containers.domain.values import Value

FILE_NAME: Final = "app.toml"
MAX_BYTES: Final = 256 << 10
MAX_LONG_TEXT: Final = 64 << 10
# Room for a dash and the name of a container within an instance's.
MAX_INSTANCE: Final = 40
MAX_SHORT: Final = 20

_SHORT: Final = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?", re.ASCII)
_CATEGORY: Final = re.compile(r"[a-z][a-z0-9-]{0,29}", re.ASCII)
_URL_PATH: Final = re.compile(r"/[A-Za-z0-9._~/%?=&-]{0,200}", re.ASCII)


def _short(value: str) -> str:
    if len(value) > MAX_SHORT or not _SHORT.fullmatch(value):
        raise ValueError(f"must be a name of at most {MAX_SHORT} letters a-z, digits and '-' that starts with a letter")
    return value


def instance_name(value: str) -> str:
    """Check what an installation is called: its containers' names begin with it. Raises ValueError."""
    names.container_name(value)
    if len(value) > MAX_INSTANCE:
        raise ValueError(f"is longer than {MAX_INSTANCE} characters")
    return value


def app_name(value: str) -> str:
    """Check an app's name: it is also its folder's. Raises ValueError."""
    return instance_name(value)


def _category(value: str) -> str:
    if not _CATEGORY.fullmatch(value):
        raise ValueError("must be a word of letters a-z, digits and '-'")
    return value


def _lines(value: str) -> str:
    if len(value) > MAX_LONG_TEXT:
        raise ValueError(f"is longer than {MAX_LONG_TEXT} characters")
    for line in value.split("\n"):
        check_text(line.replace("\t", " "))
    return value


def _template(value: str) -> str:
    placeholders.names(check_text(value, max_length=MAX_COMMAND))
    return value


def _long_template(value: str) -> str:
    placeholders.names(_lines(value))
    return value


def _url_path(value: str) -> str:
    if not _URL_PATH.fullmatch(value):
        raise ValueError("must begin with '/' and be a part of a URL")
    return value


def _image(value: str) -> str:
    return str(ImageRef.parse(value, field=""))


def _path_in_volume(value: str) -> str:
    return recipe.file_path(check_text(value, max_length=MAX_PATH))


def _number(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _bound(value: object, types: type | tuple[type, ...], message: str) -> object:
    is_placeholder = isinstance(value, str) and placeholders.names(value)
    if not is_placeholder and (isinstance(value, bool) or not isinstance(value, types)):
        raise ValueError(message)
    return value


def _memory(value: object) -> object:
    return value if isinstance(size(value), int) else _bound(value, int, 'must be a size such as "512 MiB", or a placeholder')


def _cpus(value: object) -> object:
    message = "must be a number, or a placeholder"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(message)
    return _bound(value, (int, float), message)


def _pids(value: object) -> object:
    return _bound(value, int, "must be a whole number, or a placeholder")


def _directory(value: str) -> str:
    if value.endswith(FILE_SUFFIX):
        raise ValueError("a volume of an app is a directory")
    return value


Short = Annotated[str, AfterValidator(_short)]
Mountpoint = Annotated[MountTarget, AfterValidator(_directory)]
Shorts = Annotated[tuple[Short, ...], BeforeValidator(as_tuple), Field(max_length=50)]
Template = Annotated[str, AfterValidator(_template)]
LongTemplate = Annotated[str, AfterValidator(_long_template)]
FilePath = Annotated[str, AfterValidator(recipe.file_path)]
Id = Annotated[MappedId, BeforeValidator(_number)]
Capability = Annotated[str, AfterValidator(capability)]


class Requirements(Value):
    """What the host must have left: memory for the containers together, disk for images and data."""

    memory: Size = 0
    disk: Size = 0


class ImageSource(Value):
    """Where an image comes from: a recipe in the app's folder, or an image that is there or in a repository."""

    recipe: FilePath | None = None
    image: Annotated[str, AfterValidator(_image)] | None = None
    repository: Annotated[str, AfterValidator(names.layer_name)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.recipe is None) == (self.image is None):
            raise ValueError("needs a recipe or an image, and not both")
        if self.repository and self.image is None:
            raise ValueError("repository: only an image comes from one")
        return self


class Bounds(Value):
    """A container's limits: numbers, sizes, or a placeholder that is all of it."""

    memory: Annotated[str | int, BeforeValidator(_memory)] | None = None
    cpus: Annotated[int | float | str, BeforeValidator(_cpus)] | None = None
    pids: Annotated[int | str, BeforeValidator(_pids)] | None = None


class Seconds(Value):
    """How long changes of state may take."""

    start: Annotated[int, Field(ge=1, le=86_400)] = 30
    ready: Annotated[int, Field(ge=1, le=86_400)] = 30
    stop: Annotated[int, Field(ge=1, le=86_400)] = 30


class ContainerPart(Value):
    """One container of the app. What it leaves out, its image says."""

    image: Short
    description: Annotated[str, AfterValidator(lambda value: check_text(value, max_length=MAX_DESCRIPTION))] = ""
    depends: Shorts = ()
    # {volume: where}, of the app's own volumes.
    mounts: Annotated[dict[Short, Mountpoint], Field(max_length=50)] = {}
    env: Annotated[dict[EnvKey, Template], Field(max_length=200)] = {}
    uid: Id | None = None
    gid: Id | None = None
    cmd: Template | None = None
    cwd: Template | None = None
    ready: Template | None = None
    halt: Annotated[str, AfterValidator(names.signal_name)] | None = None
    limits: Bounds = Bounds()
    timeouts: Seconds = Seconds()
    autostart: bool = True
    # What other apps can use it for: see questions of the type container.
    offers: Annotated[tuple[Capability, ...], BeforeValidator(as_tuple), Field(max_length=20)] = ()


class VolumePart(Value):
    """Persistent data of the app. `question`: the answer names a volume that is there already, if there is one."""

    title: Line = ""
    uid: Id = "0"
    gid: Id = "0"
    question: str | None = None


class FilePart(Value):
    """A file that is written into a volume before the containers start, at install and at update."""

    volume: Short
    path: Annotated[str, AfterValidator(_path_in_volume)]
    text: LongTemplate | None = None
    # A file of the app's folder; its placeholders are filled in unless it is `plain`.
    source: FilePath | None = None
    plain: bool = False
    quoting: Annotated[Quoting, one_of(Quoting)] = Quoting.NONE
    mode: Annotated[str, Field(pattern=r"^0?[0-7]{3}$")] = "0644"
    uid: Id = "0"
    gid: Id = "0"
    # Not written where it is there: it is the user's to change.
    once: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.text is None) == (self.source is None):
            raise ValueError("needs a text or a source, and not both")
        return self


class PortPart(Value):
    """A container's port that the host offers under the port that the question's answer is."""

    container: Short
    port: Annotated[int, Field(ge=1, le=65_535)]
    question: str
    title: Line = ""
    # What a link to it begins with; empty where it is nothing for a browser.
    scheme: Literal["http", "https", ""] = "http"
    path: Annotated[str, AfterValidator(_url_path)] = "/"


class StepPart(Value):
    """A program that is run inside one of the app's containers."""

    title: Line
    container: Short
    run: Annotated[tuple[Template, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=100)]
    # Reaches the program without being seen by anybody else, so a secret belongs here.
    env: Annotated[dict[EnvKey, Template], Field(max_length=100)] = {}
    # A name or a number that the container knows.
    user: Annotated[str, Field(pattern=r"^([a-z_][a-z0-9_-]{0,31}|[0-9]{1,10})$")] | None = None
    timeout: Annotated[int, Field(ge=1, le=86_400)] = 600


Steps = Annotated[tuple[StepPart, ...], BeforeValidator(as_tuple), Field(max_length=50)]


class StepParts(Value):
    """What is run when: after the first start, after the start of a new version, before the containers go."""

    install: Steps = ()
    update: Steps = ()
    uninstall: Steps = ()


class Phase(StrEnum):
    """When steps of an app are run."""

    INSTALL = "install"
    UPDATE = "update"
    UNINSTALL = "uninstall"


class Manifest(Value):
    """One app in one version."""

    manifest: Literal[1]
    name: Annotated[str, AfterValidator(app_name)]
    version: Annotated[str, AfterValidator(image_version)]
    title: Line
    description: Line
    about: Annotated[str, AfterValidator(_lines)] = ""
    licence: Line = ""
    website: Annotated[str, Field(pattern=r"^https?://[^\s\"'<>]{1,300}$")] | None = None
    icon: FilePath | None = None
    categories: Annotated[tuple[Annotated[str, AfterValidator(_category)], ...], BeforeValidator(as_tuple)] = ()
    # What is new in this version, for who updates to it.
    changes: Annotated[str, AfterValidator(_lines)] = ""
    requirements: Requirements = Requirements()
    questions: Annotated[tuple[Question, ...], BeforeValidator(as_tuple), Field(max_length=100)] = ()
    images: Annotated[dict[Short, ImageSource], Field(min_length=1, max_length=20)]
    containers: Annotated[dict[Short, ContainerPart], Field(min_length=1, max_length=20)]
    volumes: Annotated[dict[Short, VolumePart], Field(max_length=20)] = {}
    files: Annotated[tuple[FilePart, ...], BeforeValidator(as_tuple), Field(max_length=200)] = ()
    ports: Annotated[tuple[PortPart, ...], BeforeValidator(as_tuple), Field(max_length=20)] = ()
    steps: StepParts = StepParts()
    notes: LongTemplate = ""

    def question(self, name: str) -> Question | None:
        """Return the question of that name, if there is one."""
        return next((question for question in self.questions if question.name == name), None)

    def image_ref(self, key: str) -> ImageRef:
        """Return what an image is called on the host: one from a recipe has the app's name and version in its own."""
        source = self.images[key]
        return ImageRef.parse(source.image) if source.image else ImageRef(f"app-{self.name}-{key}"[:63].rstrip("-"), self.version)

    def phase(self, phase: Phase) -> tuple[StepPart, ...]:
        """Return the steps of a phase."""
        steps: tuple[StepPart, ...] = getattr(self.steps, phase)
        return steps
