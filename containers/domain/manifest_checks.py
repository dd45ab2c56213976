"""What can be wrong between the parts of a manifest that are right by themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from containers.domain import placeholders, recipe
from containers.domain.build import FileFacts, build
from containers.domain.graph import Graph
from containers.domain.image import Defaults
from containers.domain.manifest import FilePart, Manifest, Phase, StepPart
from containers.domain.placeholders import CONTAINER, INSTANCE
from containers.domain.questions import Condition, Question, QuestionType
from containers.domain.values import Value
from containers.errors import FieldError, InvalidRequest


@dataclass(frozen=True)
class Problem(FieldError):
    """What is wrong, and with what called how: (section, name). Where that could not be read, the problem may be none."""

    about: tuple[str, str] = ("", "")


def problems(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Yield what is wrong between the parts: names that are none, circles, answers where they must not stand."""
    yield from _questions(manifest)
    yield from _references(manifest, files)
    yield from _circle(manifest)
    for place in _places(manifest, files):
        yield from place.problems(manifest)


def _questions(manifest: Manifest) -> Iterator[Problem]:
    before: dict[str, Question] = {}
    for position, question in enumerate(manifest.questions):
        path = f"questions.{position}"
        if question.name in before:
            yield Problem(f"{path}.name", f"there are two questions {question.name}")
        if (condition := question.visible_if) and (message := _condition(condition, before.get(condition.question))):
            yield Problem(f"{path}.visible_if", message, ("questions", condition.question))
        before[question.name] = question


def _condition(condition: Condition, other: Question | None) -> str:
    """Return what is wrong with a condition on the answer to another question."""
    if other is None:
        return f"no question {condition.question} is asked before it"
    if other.is_secret:
        return f"{condition.question} is a secret: what is asked would tell it"
    try:
        other.check(condition.equals)
    except ValueError as error:
        return f"is never true: {other.name} {error}"
    return ""


def _references(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[Problem]:
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


def _known(path: str, name: str, known: Mapping[str, object], what: str) -> Iterator[Problem]:
    if name not in known:
        yield Problem(path, f"there is no {what} {name}", (f"{what}s", name))


def _asks(manifest: Manifest, path: str, name: str, kind: QuestionType) -> Iterator[Problem]:
    question = manifest.question(name)
    if question is None or question.type != kind:
        yield Problem(path, f"there is no question {name} of the type {kind}", ("questions", name))


def _circle(manifest: Manifest) -> Iterator[Problem]:
    edges = {
        key: tuple(name for name in part.depends if name in manifest.containers) for key, part in manifest.containers.items()
    }
    if cycle := Graph(edges).find_cycle():
        yield Problem(f"containers.{cycle[0]}.depends", f"the dependencies go round in a circle: {' → '.join(cycle)}")


class _Place(Value):
    """A text of the manifest into which answers are put, and which answers may stand there."""

    path: str
    text: str
    free_text: bool
    secrets: bool = False
    long_text: bool = False
    hint: str

    def problems(self, manifest: Manifest) -> Iterator[Problem]:
        """Yield what must not stand here."""
        try:
            found = placeholders.names(self.text)
        except ValueError as error:
            yield Problem(self.path, str(error))
            return
        for name in dict.fromkeys(found):
            if message := self._refused(manifest, name):
                section = "containers" if name.startswith(CONTAINER) else "questions"
                yield Problem(self.path, message, (section, name.removeprefix(CONTAINER)))

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


def recipe_problems(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[FieldError]:
    """Yield what is wrong with the recipes; the fields say file and line already."""
    facts = {path: FileFacts("", is_executable=False) for path in files}
    for path in dict.fromkeys(image.recipe for image in manifest.images.values() if image.recipe):
        if path in files:
            yield from _read_recipe(path, files[path], facts)


def _read_recipe(path: str, content: bytes, files: Mapping[str, FileFacts]) -> Iterator[FieldError]:
    try:
        # What it stands on is not known here; what it copies is.
        build(recipe.parse(content.decode()), Defaults(), files)
    except UnicodeDecodeError as error:
        yield FieldError(f"{path}:1", f"is not text in UTF-8: {error.reason}")
    except InvalidRequest as error:
        for problem in error.errors:
            yield FieldError(f"{path}:{problem.field.removeprefix('line ') or 1}", problem.message)
