"""Everything that is answered with an error: {"code", "message", "field"?}."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationErrorContext

from containers.choices import Via
from containers.domain.values import field_errors
from containers.errors import FieldError, InvalidRequest, SpocError
from containers.services import actor, refusals
from containers.services.access import Refused

logger = logging.getLogger(__name__)

CODES: Final = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    503: "unavailable",
}
# A megabyte of unknown keys is not answered with ten of messages.
MAX_ERRORS: Final = 100
MAX_MESSAGE: Final = 2_000


def answer(status: int, message: str, *, code: str | None = None, **more: Any) -> JsonResponse:
    return JsonResponse({"code": code or CODES[status], "message": message, **more}, status=status)


def install(api: NinjaAPI) -> None:
    """Have every exception that is not a bug answered in the contract's shape."""
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        SpocError: _spoc_error,
        HttpError: _http_error,
        Http404: lambda request, error: answer(404, "There is no such thing"),
        RequestDataTooBig: lambda request, error: answer(413, "The request is too large"),
        SuspiciousOperation: lambda request, error: answer(400, "The request cannot be read"),
        MultiPartParserError: lambda request, error: answer(400, "The form cannot be read"),
        # Somebody's session comes with a form: it was read for the token against forgery.
        RawPostDataException: lambda request, error: answer(400, "The request's body is a form, and was to be JSON"),
        UnreadablePostError: lambda request, error: answer(400, "The request broke off"),
        OperationalError: _database_error,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def invalid(contexts: list[ValidationErrorContext[Any]]) -> InvalidRequest:
    """Return what pydantic refused in body, query and path as one error, in our words."""
    return InvalidRequest.all(tuple(error for context in contexts for error in _of_context(context)))


def _of_context(context: ValidationErrorContext[Any]) -> Iterable[FieldError]:
    is_body = context.model.__ninja_param_source__ == "body"
    for error in field_errors(context.pydantic_validation_error, ""):
        # The first part is the name of the view's argument, unless that is the value itself.
        argument, _, path = error.field.partition(".")
        yield FieldError(path if is_body else path or argument, error.message)


def _spoc_error(request: HttpRequest, error: SpocError) -> HttpResponse:
    if isinstance(error, Refused):
        refusals.record(actor.of_request(request, error.user or request.user, Via.API), error, request.path)
    more = _fields(error.errors) if isinstance(error, InvalidRequest) else {}
    return answer(error.status, str(error)[:MAX_MESSAGE], code=error.code, **more)


def _database_error(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """Answer for a database that is locked for too long, or has no room left."""
    logger.error("the database does not answer", exc_info=error)
    return answer(503, f"The database does not answer: {error}. Try again later")


def _fields(errors: Sequence[FieldError]) -> dict[str, Any]:
    first = next((item.field for item in errors if item.field), None)
    listed = [{"field": item.field, "message": item.message} for item in errors[:MAX_ERRORS]]
    return {**({"field": first} if first else {}), **({"errors": listed} if listed else {})}


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    cause = error.__cause__
    if isinstance(cause, SpocError):
        return _spoc_error(request, cause)
    response = answer(error.status_code, _MESSAGES.get(error.status_code, str(error)))
    if error.status_code == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


_MESSAGES: Final = {
    400: "The request's body cannot be read",
    401: "Sign in, or send a token: Authorization: Bearer TOKEN",
}
