"""The instructions of a recipe as values; `domain.recipe` reads them, `domain.build` says what they come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """What all have: their line, and themselves in short for people."""

    line: int
    summary: str


@dataclass(frozen=True, kw_only=True)
class From(Instruction):
    """What the image stands on, the lowest first: names of layers, NAME or NAME:VERSION of images."""

    parents: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Run(Instruction):
    """A command in the build container; `script` is what it reads, where the recipe gives it a program of its own."""

    argv: tuple[str, ...]
    script: str | None = None


@dataclass(frozen=True, kw_only=True)
class Copy(Instruction):
    """Files of the recipe, and files that stand in it ({name: text}), to a path that a WORKDIR may stand before."""

    sources: tuple[str, ...]
    texts: Mapping[str, str]
    destination: str

    @property
    def needs_directory(self) -> bool:
        """Whether the destination can only be a directory."""
        return self.destination.endswith("/") or len(self.sources) + len(self.texts) > 1 or self.destination in {".", ".."}


@dataclass(frozen=True, kw_only=True)
class Env(Instruction):
    """Environment, from here on and of the containers."""

    values: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class User(Instruction):
    """Who runs what follows and the containers' commands: names or numbers."""

    uid: str
    gid: str | None


@dataclass(frozen=True, kw_only=True)
class Workdir(Instruction):
    """Where what follows and the containers' commands run; relative to the one before."""

    path: str


@dataclass(frozen=True, kw_only=True)
class Setting(Instruction):
    """A key of the image's defaults: `cmd`, `ready` or `halt`."""

    key: str
    value: str


@dataclass(frozen=True)
class Recipe:
    """A valid recipe."""

    parents: From
    instructions: tuple[Instruction, ...]
