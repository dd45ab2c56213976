"""What can still be judged of a manifest whose shape is wrong: stand-ins take the place of what cannot be read. Pure.

So whoever writes a manifest is told everything at once: also that a container mounts a volume that there is not, though a
question's type is wrong somewhere else. What would only follow from a stand-in is told by nobody: see `Remains.is_doubtful`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from containers.domain.manifest import Manifest
from containers.domain.toml_lines import Path
from containers.domain.values import detail_error
from containers.errors import FieldError

# Each round repairs what the one before has uncovered: a part, then what lies around it.
_MAX_ROUNDS: Final = 8
_KEY: Final = "[key]"
# No question of anybody's is called so.
_UNREADABLE: Final = "name_of_this_question_cannot_be_read"

_ROOT: Final[Mapping[str, Any]] = {
    "manifest": 1,
    "name": "x",
    "version": "1",
    "title": "x",
    "description": "x",
    "images": {"x": {"image": "x:1"}},
    "containers": {"x": {"image": "x"}},
}
_PARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "questions": {"name": _UNREADABLE, "type": "text", "label": "x"},
    "images": {"image": "x:1"},
    "containers": {"image": "x"},
    "volumes": {},
    "files": {"volume": "x", "path": "x", "text": ""},
    "ports": {"container": "x", "port": 1, "question": "x"},
    "steps": {"title": "x", "container": "x", "run": ["true"]},
}


@dataclass
class Remains:
    """What is left of a manifest, and what of it nobody wrote."""

    manifest: Manifest | None = None
    errors: list[FieldError] = field(default_factory=list)
    # Where a stand-in is, or something was left out.
    repaired: set[Path] = field(default_factory=set)
    # (section, name): what is there, but maybe not as it looks; without a name, anything of the section.
    unsure: set[tuple[str, str]] = field(default_factory=set)

    def is_doubtful(self, path: Path, about: tuple[str, str]) -> bool:
        """Return whether a problem at `path` with what is called `about`, (section, name), may only follow from a repair."""
        section, _ = about
        is_repaired = any(path[: len(place)] == place for place in self.repaired)
        return is_repaired or about in self.unsure or (section, "") in self.unsure


def salvage(values: Mapping[str, Any]) -> Remains:
    """Return the manifest that `values` are, what is wrong in it replaced, with every error of its shape. It is None where
    too little is left. `values` stay as they are.
    """
    work = copy.deepcopy(dict(values))
    found = Remains()
    for number in range(_MAX_ROUNDS):
        try:
            found.manifest = Manifest.model_validate(work)
        except ValidationError as error:
            _mend(work, error.errors(include_url=False, include_input=False), found, is_first=number == 0)
        else:
            return found
    return found


def _mend(work: dict[str, Any], details: list[ErrorDetails], found: Remains, *, is_first: bool) -> None:
    """Note the errors of one round, then repair what they are about: the last first, so that the others stay in place."""
    touched = {part_of(place) for place in found.repaired}
    fresh = [detail for detail in details if is_first or part_of(_loc(detail)) not in touched]
    found.errors += [detail_error(detail, "") for detail in fresh]
    for detail in reversed(details):
        _repair(work, detail, found)


def part_of(path: Path) -> Path:
    """Return the path of the question, container, step… that `path` lies in."""
    return path[: _depth(path)]


def _depth(path: Path) -> int:
    return 3 if path[:1] == ("steps",) else 2


def _loc(detail: ErrorDetails) -> Path:
    return tuple(part for part in detail["loc"] if part != _KEY)


def _repair(work: dict[str, Any], detail: ErrorDetails, found: Remains) -> None:
    path = _loc(detail)
    if detail["type"] == "extra_forbidden":
        _leave_out(work, path)
        return
    path = _existing(work, path, is_missing=detail["type"] == "missing")
    found.unsure.add(_unsure(work, path, is_key=_KEY in detail["loc"]))
    found.repaired.add(path)
    stand_in = None if _KEY in detail["loc"] else _stand_in(path)
    if stand_in is None:
        _leave_out(work, path)
    else:
        _put(work, path, _named(work, path, stand_in))


def _existing(work: Any, path: Path, *, is_missing: bool) -> Path:
    """Return the longest beginning of a path that leads to something; pydantic adds which type of several it has tried.

    What is missing can be put there where there is a stand-in for it; else all that it is missing in goes.
    """
    if is_missing and _stand_in(path) is not None:
        return path
    for length, part in enumerate(path):
        if not _has(work, part):
            return path[:length]
        work = work[part]
    return path


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _stand_in(path: Path) -> Any:
    """Return what can take the place of what is at `path`; None where it can be left out."""
    if len(path) == 1:
        return copy.deepcopy(_ROOT.get(str(path[0])))
    part, depth = _PARTS.get(str(path[0])), _depth(path)
    if part is None or len(path) < depth:
        return None
    return dict(part) if len(path) == depth else part.get(str(path[-1])) if len(path) == depth + 1 else None


def _named(work: Any, path: Path, stand_in: Any) -> Any:
    """Return a stand-in for a question with that question's own name."""
    if path[0] == "questions" and isinstance(stand_in, dict) and (name := _name(work, path)):
        return {**stand_in, "name": name}
    return stand_in


def _name(work: Any, path: Path) -> str:
    try:
        name = work["questions"][path[1]]["name"]
    except (TypeError, LookupError):
        return ""
    return name if isinstance(name, str) else ""


def _unsure(work: Any, path: Path, *, is_key: bool) -> tuple[str, str]:
    """Return what others must not be measured by any more, (section, name); the name is empty for all of the section."""
    section = str(path[0]) if path else ""
    if len(path) < 2 or (is_key and len(path) == 2):
        return section, ""
    if section == "questions":
        return section, "" if path[2:] == ("name",) else _name(work, path)
    return section, str(path[1])


def _leave_out(work: Any, path: Path) -> None:
    parent = _at(work, path[:-1])
    if path and _has(parent, path[-1]):
        del parent[path[-1]]


def _put(work: Any, path: Path, value: Any) -> None:
    parent = _at(work, path[:-1])
    if isinstance(parent, dict) or _has(parent, path[-1]):
        parent[path[-1]] = value


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if not _has(value, part):
            return None
        value = value[part]
    return value
