"""An app's manifest, `app.toml`: what it is, what it asks, and what its containers are. Every error at once, with its line.

docs/manifest.md explains it for authors. Pure: what stands beside the manifest (recipes, files) arrives as arguments.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from containers.domain import names, placeholders, recipe
from containers.domain.definition import FILE_SUFFIX, EnvKey, MappedId, MountTarget
from containers.domain.graph import Graph
from containers.domain.image import ImageRef, image_version
from containers.domain.placeholders import CONTAINER, INSTANCE, Quoting
from containers.domain.questions import Line, Question, QuestionType, Size, as_tuple, capability, one_of
from containers.domain.text import MAX_COMMAND, MAX_DESCRIPTION, MAX_PATH, check_text
from containers.domain.toml_lines import Lines, syntax_line
from containers.domain.values import Value, field_errors
from containers.errors import FieldError, InvalidRequest

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

    memory: Annotated[str | int, Field(union_mode="left_to_right")] | None = None
    cpus: float | int | str | None = None
    pids: int | str | None = None


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


def parse(data: bytes, files: Mapping[str, bytes]) -> Manifest:
    """Return the manifest that the bytes of an `app.toml` are. `files` are all others of its folder, by path.

    Raises InvalidRequest with every error at once; the fields say file, line and key: "app.toml:12 containers.web.cmd".
    """
    try:
        text = data.decode()
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InvalidRequest.of(f"{FILE_NAME}:1", f"is not text in UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest.of(f"{FILE_NAME}:{syntax_line(error)}", str(error)) from error
    lines = Lines(text)
    try:
        found = Manifest.model_validate(values)
    except ValidationError as error:
        raise InvalidRequest.all(_located(field_errors(error, ""), lines)) from error
    problems = [*_located(tuple(_problems(found, files)), lines), *_recipe_problems(found, files)]
    if problems:
        raise InvalidRequest.all(tuple(problems))
    return found


def _located(errors: Sequence[FieldError], lines: Lines) -> tuple[FieldError, ...]:
    located = [(lines.of(_path(error.field)), error) for error in errors]
    located.sort(key=lambda item: item[0])
    return tuple(FieldError(f"{FILE_NAME}:{line} {error.field}".rstrip(), error.message) for line, error in located)


def _path(field: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdecimal() else part for part in field.split(".") if part)


def _problems(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[FieldError]:
    """Yield what is wrong between the parts: names that are none, circles, answers where they must not stand."""
    yield from _questions(manifest)
    yield from _references(manifest, files)
    yield from _circle(manifest)
    for place in _places(manifest, files):
        yield from place.problems(manifest)


def _questions(manifest: Manifest) -> Iterator[FieldError]:
    before: dict[str, Question] = {}
    for position, question in enumerate(manifest.questions):
        path = f"questions.{position}"
        if question.name in before:
            yield FieldError(f"{path}.name", f"there are two questions {question.name}")
        if condition := question.visible_if:
            other = before.get(condition.question)
            if other is None:
                yield FieldError(f"{path}.visible_if", f"no question {condition.question} is asked before it")
            elif other.is_secret:
                yield FieldError(f"{path}.visible_if", f"{condition.question} is a secret: what is asked would tell it")
            else:
                yield from _condition(path, other, condition.equals)
        before[question.name] = question


def _condition(path: str, other: Question, value: object) -> Iterator[FieldError]:
    try:
        other.check(value)
    except ValueError as error:
        yield FieldError(f"{path}.visible_if", f"is never true: {other.name} {error}")


def _references(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[FieldError]:
    for key, part in manifest.containers.items():
        yield from _known(f"containers.{key}.image", part.image, manifest.images, "image")
        for name in part.depends:
            yield from _known(f"containers.{key}.depends", name, manifest.containers, "container")
        for name in part.mounts:
            yield from _known(f"containers.{key}.mounts", name, manifest.volumes, "volume")
    for key, volume in manifest.volumes.items():
        if volume.question is not None:
            yield from _asks(manifest, f"volumes.{key}.question", volume.question, QuestionType.VOLUME)
    for position, file in enumerate(manifest.files):
        yield from _known(f"files.{position}.volume", file.volume, manifest.volumes, "volume")
        if file.source is not None:
            yield from _known(f"files.{position}.source", file.source, files, "file")
    for position, port in enumerate(manifest.ports):
        yield from _known(f"ports.{position}.container", port.container, manifest.containers, "container")
        yield from _asks(manifest, f"ports.{position}.question", port.question, QuestionType.PORT)
    for key, image in manifest.images.items():
        if image.recipe is not None:
            yield from _known(f"images.{key}.recipe", image.recipe, files, "file")
    if manifest.icon is not None:
        yield from _known("icon", manifest.icon, files, "file")
    for phase in Phase:
        for position, step in enumerate(manifest.phase(phase)):
            yield from _known(f"steps.{phase}.{position}.container", step.container, manifest.containers, "container")


def _known(path: str, name: str, known: Mapping[str, object], what: str) -> Iterator[FieldError]:
    if name not in known:
        yield FieldError(path, f"there is no {what} {name}")


def _asks(manifest: Manifest, path: str, name: str, kind: QuestionType) -> Iterator[FieldError]:
    question = manifest.question(name)
    if question is None or question.type != kind:
        yield FieldError(path, f"there is no question {name} of the type {kind}")


def _circle(manifest: Manifest) -> Iterator[FieldError]:
    edges = {
        key: tuple(name for name in part.depends if name in manifest.containers) for key, part in manifest.containers.items()
    }
    if cycle := Graph(edges).find_cycle():
        yield FieldError(f"containers.{cycle[0]}.depends", f"the dependencies go round in a circle: {' → '.join(cycle)}")


class _Place(Value):
    """A text of the manifest into which answers are put, and which answers may stand there."""

    path: str
    text: str
    free_text: bool
    secrets: bool = False
    long_text: bool = False
    hint: str

    def problems(self, manifest: Manifest) -> Iterator[FieldError]:
        """Yield what must not stand here."""
        try:
            found = placeholders.names(self.text)
        except ValueError as error:
            yield FieldError(self.path, str(error))
            return
        for name in dict.fromkeys(found):
            if message := self._refused(manifest, name):
                yield FieldError(self.path, message)

    def _refused(self, manifest: Manifest, name: str) -> str:
        if name == INSTANCE or (name.startswith(CONTAINER) and name.removeprefix(CONTAINER) in manifest.containers):
            return ""
        question = manifest.question(name)
        if question is None:
            return f"{{{{ {name} }}}} is no question of this app"
        if question.is_secret and not self.secrets:
            return f"{name} is a secret: it can stand in files and in the environment of steps only"
        if question.type == QuestionType.LONG_TEXT and not self.long_text:
            return f"{name} has several lines: it can stand in files and in the environment of steps only"
        if question.is_free_text and not self.free_text:
            return f"{name} can hold any text, which could be read as a part of the command: {self.hint}"
        return ""


_BY_ENV: Final = "put it into env, and use the variable"


def _places(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[_Place]:
    for key, part in manifest.containers.items():
        for name in ("cmd", "cwd", "ready"):
            if text := getattr(part, name):
                yield _Place(path=f"containers.{key}.{name}", text=text, free_text=False, hint=_BY_ENV)
        for name, value in part.env.items():
            yield _Place(path=f"containers.{key}.env.{name}", text=value, free_text=True, hint="")
        for name in ("memory", "cpus", "pids"):
            if isinstance(text := getattr(part.limits, name), str):
                yield _Place(
                    path=f"containers.{key}.limits.{name}", text=text, free_text=False, hint="ask for a number or a size"
                )
    for position, file in enumerate(manifest.files):
        if not file.plain and (text := _text_of(file, files)) is not None:
            yield _Place(path=f"files.{position}", text=text, free_text=True, secrets=True, long_text=True, hint="")
    for phase in Phase:
        for position, step in enumerate(manifest.phase(phase)):
            yield from _places_of_step(f"steps.{phase}.{position}", step)
    yield _Place(path="notes", text=manifest.notes, free_text=True, hint="")


def _places_of_step(path: str, step: StepPart) -> Iterator[_Place]:
    for word in step.run:
        yield _Place(path=f"{path}.run", text=word, free_text=placeholders.is_whole_word(word), hint=_BY_ENV)
    for name, value in step.env.items():
        yield _Place(path=f"{path}.env.{name}", text=value, free_text=True, secrets=True, long_text=True, hint="")


def _text_of(file: FilePart, files: Mapping[str, bytes]) -> str | None:
    if file.text is not None:
        return file.text
    try:
        return files.get(file.source or "", b"").decode()
    except UnicodeDecodeError:
        # Not text: nothing can stand in it, and whoever fills it in says so.
        return None


def _recipe_problems(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[FieldError]:
    for path in dict.fromkeys(image.recipe for image in manifest.images.values() if image.recipe):
        if path in files:
            yield from _read_recipe(path, files[path])


def _read_recipe(path: str, content: bytes) -> Iterator[FieldError]:
    try:
        recipe.parse(content.decode())
    except UnicodeDecodeError as error:
        yield FieldError(f"{path}:1", f"is not text in UTF-8: {error.reason}")
    except InvalidRequest as error:
        for problem in error.errors:
            yield FieldError(f"{path}:{problem.field.removeprefix('line ') or 1}", problem.message)
