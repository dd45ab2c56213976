"""ninja's routers with the contract's answer to wrong methods, and HEAD wherever GET is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import Router as NinjaRouter
from ninja.operation import Operation, PathView

from containers.api.errors import answer
from containers.services.entry import EVERYBODY, Entry

_make_response_model: Final = Operation._create_response_model
_response_models: Final[dict[Any, Any]] = {}


def _response_model(operation: Operation, what: Any) -> Any:
    """Return the model of an answer: one for each type, where ninja makes one for each status of each operation."""
    # Six errors of seventy operations: eleven megabytes of the same.
    if not isinstance(what, Hashable):
        return _make_response_model(operation, what)
    if what not in _response_models:
        _response_models[what] = _make_response_model(operation, what)
    return _response_models[what]


Operation._create_response_model = _response_model  # type: ignore[method-assign, assignment]


class JsonPathView(PathView):
    """All operations on one path."""

    def clone(self) -> JsonPathView:
        cloned = JsonPathView()
        cloned.is_async = self.is_async
        cloned.url_name = self.url_name
        cloned.operations = [operation.clone() for operation in self.operations]
        return cloned

    def get_view(self) -> Callable[..., Any]:
        """Return the view, which says of itself who is let in: an entry for each method."""
        view = super().get_view()
        view.entries = {method: _entry(operation) for operation in self.operations for method in operation.methods}  # type: ignore[attr-defined]
        return view

    def _sync_view(self, request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        return _unkept(super()._sync_view(request, *args, **named))

    async def _async_view(self, request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        return _unkept(await super()._async_view(request, *args, **named))

    def _find_operation(self, request: HttpRequest) -> Operation | None:
        # A stream has no end, so there is no HEAD of it.
        method = "GET" if request.method == "HEAD" and not self.is_async else request.method
        return next((operation for operation in self.operations if method in operation.methods), None)

    def _not_allowed(self) -> HttpResponse:
        allowed = ", ".join(sorted({method for operation in self.operations for method in operation.methods}))
        response = answer(405, f"Only {allowed} can be used here")
        response["Allow"] = allowed
        return response


def _entry(operation: Operation) -> Entry:
    return next((auth.entry for auth in operation.auth_callbacks if hasattr(auth, "entry")), EVERYBODY)


def _unkept(response: HttpResponseBase) -> HttpResponseBase:
    # Definitions and output may hold secrets, and a state from a cache would be a false one.
    response.headers.setdefault("Cache-Control", "no-store")
    return response


class Router(NinjaRouter):
    """A router whose paths are such views."""

    def add_api_operation(self, path: str, methods: list[str], view_func: Callable[..., Any], **more: Any) -> Any:
        self.path_operations.setdefault(path, JsonPathView())
        return super().add_api_operation(path, methods, view_func, **more)
