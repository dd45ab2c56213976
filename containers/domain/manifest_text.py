"""From the bytes of an app's folder to its manifest: every error at once, each with file, line and key. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from containers.domain import manifest_checks
from containers.domain.manifest import FILE_NAME, Manifest
from containers.domain.toml_lines import Lines, syntax_line
from containers.domain.values import field_errors
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
    lines = Lines(text)
    try:
        found = Manifest.model_validate(values)
    except ValidationError as error:
        raise InvalidRequest.all(located(field_errors(error, ""), lines)) from error
    problems = [*located(tuple(manifest_checks.problems(found, files)), lines), *manifest_checks.recipe_problems(found, files)]
    if problems:
        raise InvalidRequest.all(tuple(problems))
    return found


def located(errors: Sequence[FieldError], lines: Lines) -> tuple[FieldError, ...]:
    """Return errors about a manifest's keys with file and line before each, in their order in the file."""
    found = [(lines.of(_path(error.field)), error) for error in errors]
    found.sort(key=lambda item: item[0])
    return tuple(FieldError(f"{FILE_NAME}:{line} {error.field}".rstrip(), error.message) for line, error in found)


def _path(field: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdecimal() else part for part in field.split(".") if part)
