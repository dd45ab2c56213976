"""The base of every validated value, and pydantic's findings in our own words. Pure."""

from __future__ import annotations

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from containers.domain.text import shown
from containers.errors import FieldError, InvalidRequest

# More would help nobody; a request of a few megabytes could have a hundred thousand.
MAX_ERRORS: Final = 100

_MESSAGES: Final = {
    "missing": "is required",
    "extra_forbidden": "is not a known key",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
}


class Value(BaseModel):
    """A frozen value: unknown keys are refused, nothing is converted from another type."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @classmethod
    def validate_as(cls, data: object, *, field: str, context: dict[str, int] | None = None) -> Self:
        """Return the value that `data` describes; raise InvalidRequest with every error, their paths below `field`."""
        try:
            return cls.model_validate(data, context=context)
        except ValidationError as error:
            raise InvalidRequest.all(field_errors(error, field)) from error


def field_errors(error: ValidationError, field: str) -> tuple[FieldError, ...]:
    """Return one FieldError for each of pydantic's findings, the first of them where there are very many."""
    details = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    return tuple(detail_error(detail, field) for detail in details)


def detail_error(detail: ErrorDetails, field: str) -> FieldError:
    """Return one of pydantic's findings in our own words, its path below `field`."""
    return FieldError(_path(field, detail), _message(detail))


def _path(field: str, detail: ErrorDetails) -> str:
    # "[key]" marks that an object's key is wrong, not its value; the key itself stands before it.
    parts = [shown(str(part)) for part in detail["loc"] if part != "[key]"]
    return ".".join([field, *parts] if field else parts)


def _message(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in {"greater_than_equal", "less_than_equal"}:
        return f"must be at least {context['ge']}" if "ge" in context else f"must be at most {context['le']}"
    if kind == "too_long":
        return f"must have at most {context['max_length']} entries"
    return _MESSAGES.get(kind) or detail["msg"]
