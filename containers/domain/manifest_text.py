"""From the bytes of an app's folder to its manifest: every error at once, each with file, line and key. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence

from containers.domain import manifest_checks, manifest_remains
from containers.domain.manifest import FILE_NAME, Manifest
from containers.domain.manifest_remains import Remains
from containers.domain.toml_lines import Lines, syntax_line
from containers.domain.values import MAX_ERRORS
from containers.errors import FieldError, InvalidRequest


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
    found = manifest_remains.salvage(values)
    problems = located((*found.errors, *_between(found, files)), Lines(text))
    if found.manifest:
        problems = (*problems, *manifest_checks.recipe_problems(found.manifest, files))
    if problems or found.manifest is None:
        raise InvalidRequest.all(problems[:MAX_ERRORS])
    return found.manifest


def _between(found: Remains, files: Mapping[str, bytes]) -> Iterator[FieldError]:
    """Yield what is wrong between the parts, where it can be judged."""
    if found.manifest is None:
        return
    for problem in manifest_checks.problems(found.manifest, files):
        if not found.is_doubtful(_path(problem.field), problem.about):
            yield problem


def located(errors: Sequence[FieldError], lines: Lines) -> tuple[FieldError, ...]:
    """Return errors about a manifest's keys with file and line before each, in their order in the file."""
    found = [(lines.of(_path(error.field)), error) for error in errors]
    found.sort(key=lambda item: item[0])
    return tuple(FieldError(f"{FILE_NAME}:{line} {error.field}".rstrip(), error.message) for line, error in found)


def _path(field: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdecimal() else part for part in field.split(".") if part)
