"""Two people changed one object: what becomes of it when nothing is to be lost. Pure.

The unit is a field: a value below nested objects. A list is one value, since its order means something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Path = tuple[str, ...]
# No JSON value equals it: a field that is left out differs from one that is null.
ABSENT: Final = object()


def merge(base: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> dict[str, Any]:
    """Return `mine` with the fields that only `theirs` changed, both made from `base`; a field that both changed is mine."""
    old, other, own = flat(base), flat(theirs), flat(mine)
    return _nested({path: _chosen(*_of(path, old, other, own)) for path in dict.fromkeys([*other, *own, *old])})


def changed(base: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Path]:
    """Return the fields in which `theirs` differs from `base`, in the order of `theirs`."""
    old, other = flat(base), flat(theirs)
    return [path for path in dict.fromkeys([*other, *old]) if _of(path, old)[0] != _of(path, other)[0]]


def taken(data: Mapping[str, Any], path: Path, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` with the field at `path` as `source` has it, or without it where `source` lacks it."""
    return _nested({**flat(data), path: _of(path, flat(source))[0]})


def flat(data: Mapping[str, Any], path: Path = ()) -> dict[Path, Any]:
    """Return {path: value} of every field of nested objects."""
    return dict(_walk(data, path))


def _walk(data: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _walk(value, (*path, key))
        else:
            yield (*path, key), value


def _nested(fields: Mapping[Path, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for path, value in fields.items():
        if value is ABSENT:
            continue
        place = result
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
    return result


def _of(path: Path, *sides: Mapping[Path, Any]) -> tuple[Any, ...]:
    return tuple(side.get(path, ABSENT) for side in sides)


def _chosen(old: Any, other: Any, own: Any) -> Any:
    return other if own == old else own
