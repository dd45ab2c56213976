"""What a recipe comes to on given parents: steps that change the new layer, and the image's defaults. Pure.

The key of a build is the SHA-256 of all that decides what is in the layer, so the same again need not be built. How the
text is laid out does not count, nor what only the containers made from the image see: CMD, READY, HALT.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from containers.domain.definition import DEFAULT_CWD, DEFAULT_IDMAP_SIZE
from containers.domain.image import Defaults
from containers.domain.instructions import Copy, Env, Instruction, Recipe, Run, Setting, User, Workdir
from containers.domain.names import MAX_NAME
from containers.domain.statements import field
from containers.domain.text import shown
from containers.errors import FieldError, InvalidRequest

# What a login would set, and apt and dpkg ask for; an image's own values come before these.
SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The form of the key: when steps come to mean something else, old layers are not taken for new ones.
_KEY_VERSION: Final = 1


@dataclass(frozen=True)
class FileFacts:
    """A file of a recipe: SHA-256 of its content, and whether it can be run."""

    digest: str
    is_executable: bool


@dataclass(frozen=True)
class Identity:
    """Who runs a step, as the recipe says it; None is root and the user's own group."""

    uid: str | None = None
    gid: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether these are two numbers: a name, and the group of a user, are looked up in the image."""
        return bool(self.uid and self.gid) and f"{self.uid}{self.gid}".isdecimal()


@dataclass(frozen=True, kw_only=True)
class BuildStep:
    """One change to the new layer; `line` and `summary` are the instruction's."""

    line: int
    summary: str


@dataclass(frozen=True, kw_only=True)
class RunStep(BuildStep):
    """A command; `script` is its standard input."""

    argv: tuple[str, ...]
    script: str | None
    env: Mapping[str, str]
    identity: Identity
    cwd: str


@dataclass(frozen=True, kw_only=True)
class CopyStep(BuildStep):
    """Files {path below the destination: file of the recipe} and texts {…: content} to an absolute path.

    Where `names_file`, there is one file and the destination is it, unless that is a directory.
    """

    files: Mapping[str, str]
    texts: Mapping[str, str]
    destination: str
    names_file: bool


@dataclass(frozen=True, kw_only=True)
class DirectoryStep(BuildStep):
    """A directory that is made unless it is there."""

    path: str


@dataclass(frozen=True)
class Build:
    """`defaults` hold no ids as long as `identity`, where it is not None, has to be looked up in the image."""

    steps: tuple[BuildStep, ...]
    defaults: Defaults
    identity: Identity | None

    @property
    def makes_layer(self) -> bool:
        """Whether anything is run or copied: WORKDIR alone makes no layer."""
        return any(not isinstance(step, DirectoryStep) for step in self.steps)

    def key(self, parents: Sequence[str], files: Mapping[str, FileFacts]) -> str:
        """Return the build's key. `parents` identify the layers below, lowest first; `files` are all that it copies."""
        steps = [_content(step, files) for step in self.steps]
        text = json.dumps([_KEY_VERSION, list(parents), steps], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _content(step: BuildStep, files: Mapping[str, FileFacts]) -> list[Any]:
    values = {key: value for key, value in asdict(step).items() if key not in {"line", "summary"}}
    if isinstance(step, CopyStep):
        values["files"] = {name: asdict(files[path]) for name, path in step.files.items()}
    return [type(step).__name__, values]


def container_name(image: str, job: int) -> str:
    """Return the name of the container in which a job builds the layer of an image."""
    end = f"-{job:d}"
    return f"build-{re.sub('[._]', '-', image)}"[: MAX_NAME - len(end)].rstrip("-") + end


def merged(below: Defaults, above: Defaults) -> Defaults:
    """Return the defaults of two images on one another: the upper's come first, the environment key by key."""
    lower, upper = below.export(), above.export()
    if not {"uid", "gid"}.isdisjoint(upper):
        # A user and its group belong together.
        lower = {key: value for key, value in lower.items() if key not in {"uid", "gid"}}
    return Defaults.parse({**lower, **upper, "env": {**below.env, **above.env}})


def build(recipe: Recipe, inherited: Defaults, files: Mapping[str, FileFacts], *, idmap_size: int = DEFAULT_IDMAP_SIZE) -> Build:
    """Return what `recipe` comes to on an image that has `inherited`. `files` are the recipe's.

    Raises InvalidRequest with each line that copies what is not there, and where the whole has too much environment.
    """
    state = _State(inherited)
    errors: list[FieldError] = []
    for instruction in recipe.instructions:
        try:
            state.take(instruction, files)
        except ValueError as error:
            errors.append(FieldError(field(instruction.line), str(error)))
    if errors:
        raise InvalidRequest.all(tuple(errors))
    made = Build(tuple(state.steps), Defaults.parse(state.values, idmap_size=idmap_size), state.named)
    return made if made.makes_layer else replace(made, steps=())


class _State:
    """What holds at one point of a recipe."""

    def __init__(self, inherited: Defaults) -> None:
        self.steps: list[BuildStep] = []
        self.values = inherited.export()
        self.env = dict(inherited.env)
        self.identity = Identity(inherited.uid, inherited.gid)
        self.named: Identity | None = None
        self.cwd = inherited.cwd or DEFAULT_CWD

    def take(self, instruction: Instruction, files: Mapping[str, FileFacts]) -> None:
        match instruction:
            case Env():
                self.values["env"] = self.env = self.env | dict(instruction.values)
            case User():
                self._become(Identity(instruction.uid, instruction.gid))
            case Workdir():
                self.values["cwd"] = self.cwd = posixpath.normpath(posixpath.join(self.cwd, instruction.path))
                self._add(DirectoryStep(**_origin(instruction), path=self.cwd))
            case Setting():
                self.values[instruction.key] = instruction.value
            case Run():
                self._add(self._run(instruction))
            case Copy():
                self._add(_copy(instruction, self.cwd, files))

    def _become(self, identity: Identity) -> None:
        self.identity = identity
        for key in ("uid", "gid"):
            self.values.pop(key, None)
        if identity.is_known:
            self.named = None
            self.values |= {"uid": identity.uid, "gid": identity.gid}
        else:
            self.named = identity

    def _add(self, step: BuildStep) -> None:
        self.steps.append(step)

    def _run(self, run: Run) -> RunStep:
        home = {} if self.identity.uid not in {None, "0", "root"} else {"HOME": "/root"}
        env = {"PATH": SEARCH_PATH, **home, **self.env}
        origin = _origin(run)
        return RunStep(**origin, argv=run.argv, script=run.script, env=env, identity=self.identity, cwd=self.cwd)


def _origin(instruction: Instruction) -> dict[str, Any]:
    return {"line": instruction.line, "summary": instruction.summary}


def _copy(copy: Copy, cwd: str, files: Mapping[str, FileFacts]) -> CopyStep:
    found: dict[str, str] = {}
    missing = []
    for source in copy.sources:
        part = _below(source, files)
        missing += [] if part else [source]
        found |= part
    if missing:
        raise ValueError(f"the recipe has no file {', '.join(map(shown, missing))}")
    # A directory's content goes into the destination, which is one then.
    names_file = not copy.needs_directory and all(source in files for source in copy.sources)
    destination = posixpath.normpath(posixpath.join(cwd, copy.destination))
    return CopyStep(**_origin(copy), files=found, texts=dict(copy.texts), destination=destination, names_file=names_file)


def _below(source: str, files: Iterable[str]) -> dict[str, str]:
    """Return {path below the destination: path of the file}: a file by its own name, a directory's content as it is."""
    if source in files:
        return {posixpath.basename(source): source}
    prefix = "" if source == "." else f"{source}/"
    return {path.removeprefix(prefix): path for path in sorted(files) if path.startswith(prefix)}
