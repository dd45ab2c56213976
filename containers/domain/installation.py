"""What an app comes to under a name and with answers: containers, volumes, files, ports, steps. Pure.

Page, preview and root ask the same function; root with the manifest that it has read itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from containers.domain import placeholders
from containers.domain.answers import Answers
from containers.domain.definition import DEFAULT_IDMAP_SIZE
from containers.domain.graph import Graph
from containers.domain.image import Defaults
from containers.domain.manifest import ContainerPart, FilePart, Manifest, Phase, StepPart
from containers.domain.placeholders import CONTAINER, INSTANCE
from containers.domain.questions import size
from containers.domain.spec import ContainerSpec
from containers.errors import FieldError, InvalidRequest


@dataclass(frozen=True)
class Stack:
    """The layers of an image, the lowest first, and what it says about the containers made from it."""

    layers: tuple[str, ...]
    defaults: Defaults = Defaults()


@dataclass(frozen=True)
class VolumeUse:
    """A volume of the installation: what the app calls it, what it is called on the host, who owns it in the container."""

    key: str
    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class VolumeFile:
    """A file for a volume; the ids are the container's."""

    volume: str
    path: str
    content: bytes
    mode: int
    uid: int
    gid: int
    once: bool


@dataclass(frozen=True)
class Published:
    """A port of the host that leads to one of a container."""

    port: int
    container: str
    container_port: int
    title: str
    scheme: str
    path: str


@dataclass(frozen=True)
class InnerStep:
    """A program that is run inside a container. `env` may hold secrets: it is shown nowhere."""

    title: str
    container: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    user: str | None
    timeout_s: int


@dataclass(frozen=True)
class Outline:
    """All that an installation consists of. Containers come in the order in which they can be started."""

    manifest: Manifest
    instance: str
    answers: Answers
    # By the name that the app calls it.
    containers: Mapping[str, str]
    volumes: tuple[VolumeUse, ...]
    ports: tuple[Published, ...]
    notes: str

    def specs(self, stacks: Mapping[str, Stack], *, idmap_size: int = DEFAULT_IDMAP_SIZE) -> list[ContainerSpec]:
        """Return the containers on these images, by what the app calls them. Raises InvalidRequest with every error."""
        errors: list[FieldError] = []
        found: list[ContainerSpec] = []
        for key in self.containers:
            try:
                found.append(self._spec(key, stacks[self.manifest.containers[key].image], idmap_size))
            except InvalidRequest as error:
                errors += error.errors
        if errors:
            raise InvalidRequest.all(tuple(errors))
        return found

    def _spec(self, key: str, stack: Stack, idmap_size: int) -> ContainerSpec:
        part = self.manifest.containers[key]
        data = {
            "name": self.containers[key],
            "definition": self._definition(part, stack),
            "description": part.description or f"{self.manifest.title}: {key}",
            "autostart": part.autostart,
            "limits": self._limits(part),
            "timeouts": part.timeouts.model_dump(),
        }
        return ContainerSpec.parse(data, idmap_size=idmap_size, field=f"containers.{key}")

    def _definition(self, part: ContainerPart, stack: Stack) -> dict[str, Any]:
        volumes = {use.key: use.name for use in self.volumes}
        own: dict[str, Any] = {
            key: self._fill(text) for key in ("cmd", "cwd", "ready") if (text := getattr(part, key)) is not None
        }
        own |= {key: value for key in ("uid", "gid", "halt") if (value := getattr(part, key)) is not None}
        inherited = stack.defaults.export()
        if "uid" in own:
            inherited.pop("gid", None)
        return {
            **inherited,
            **own,
            "depends": [self.containers[name] for name in part.depends],
            "layers": list(stack.layers),
            "mounts": {volumes[name]: target for name, target in part.mounts.items()},
            "env": {**stack.defaults.env, **{key: self._fill(text) for key, text in part.env.items()}},
        }

    def _limits(self, part: ContainerPart) -> dict[str, Any]:
        values = {"memory_bytes": size(self._number(part.limits.memory)), "cpus": part.limits.cpus, "pids": part.limits.pids}
        return {key: self._number(value) for key, value in values.items() if value not in (None, "")}

    def _number(self, value: object) -> object:
        """Return a limit as a number: what a person answered is a text here."""
        if not isinstance(value, str):
            return value
        text = self._fill(value)
        try:
            return int(text) if text.isdecimal() else float(text)
        except ValueError:
            return text

    def files(self, sources: Mapping[str, bytes]) -> list[VolumeFile]:
        """Return the files for the volumes; `sources` are those of the app's folder."""
        names = {use.key: use.name for use in self.volumes}
        return [
            VolumeFile(
                names[part.volume],
                part.path,
                self._content(part, sources),
                int(part.mode, 8),
                int(part.uid),
                int(part.gid),
                part.once,
            )
            for part in self.manifest.files
        ]

    def _content(self, part: FilePart, sources: Mapping[str, bytes]) -> bytes:
        if part.text is not None:
            return placeholders.fill(part.text, self._values, part.quoting).encode()
        content = sources[part.source or ""]
        if part.plain:
            return content
        try:
            return placeholders.fill(content.decode(), self._values, part.quoting).encode()
        except UnicodeDecodeError:
            return content

    def steps(self, phase: Phase) -> list[InnerStep]:
        """Return what is run inside the containers."""
        return [self._step(step) for step in self.manifest.phase(phase)]

    def _step(self, step: StepPart) -> InnerStep:
        return InnerStep(
            title=step.title,
            container=self.containers[step.container],
            argv=tuple(self._fill(word) for word in step.run),
            env={key: self._fill(text) for key, text in step.env.items()},
            user=step.user,
            timeout_s=step.timeout,
        )

    @property
    def _values(self) -> dict[str, str]:
        own = {f"{CONTAINER}{key}": name for key, name in self.containers.items()}
        return {**self.answers.texts, **own, INSTANCE: self.instance}

    def _fill(self, text: str) -> str:
        return placeholders.fill(text, self._values)


def outline(manifest: Manifest, instance: str, answers: Answers, adopt: Mapping[str, str] | None = None) -> Outline:
    """Return what the app comes to. `adopt` gives volumes, {what the app calls it: what is there already}.

    Raises InvalidRequest where two questions have the same port, or an adopted volume is none of the app's.
    """
    adopted = dict(adopt or {})
    if unknown := sorted(set(adopted) - set(manifest.volumes)):
        raise InvalidRequest.of(f"adopt.{unknown[0]}", f"{manifest.title} has no volume {unknown[0]}")
    edges = {key: part.depends for key, part in manifest.containers.items()}
    containers = {key: f"{instance}-{key}" for key in Graph(edges).order(edges)}
    volumes = tuple(_volume(manifest, instance, answers, key, adopted.get(key)) for key in manifest.volumes)
    ports = _ports(manifest, containers, answers)
    made = Outline(manifest, instance, answers, containers, volumes, ports, "")
    return Outline(manifest, instance, answers, containers, volumes, ports, made._fill(manifest.notes))


def _volume(manifest: Manifest, instance: str, answers: Answers, key: str, adopted: str | None) -> VolumeUse:
    part = manifest.volumes[key]
    answered = str(answers.values[part.question]) if part.question in answers.asked else ""
    return VolumeUse(key, adopted or answered or f"{instance}-{key}", int(part.uid), int(part.gid))


def _ports(manifest: Manifest, containers: Mapping[str, str], answers: Answers) -> tuple[Published, ...]:
    found: dict[int, Published] = {}
    for part in manifest.ports:
        answer = answers.values[part.question]
        if part.question not in answers.asked or not isinstance(answer, int):
            continue
        if answer in found:
            raise InvalidRequest.of(f"answers.{part.question}", f"two ports cannot both be {answer}")
        found[answer] = Published(answer, containers[part.container], part.port, part.title, part.scheme, part.path)
    return tuple(found.values())
