from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.services import tokens
from tests.support.people import admin, operator, stranger, viewer

__all__ = ["admin", "operator", "stranger", "viewer"]

ROOT = "/api/v1"


class Api:
    """A client of the API, with a token or without one."""

    def __init__(self, user: User | None) -> None:
        self.headers = {"Authorization": f"Bearer {tokens.create_token(user)}"} if user else {}
        self.client = Client(raise_request_exception=True)

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        if body is not None and "data" not in more:
            more["data"] = json.dumps(body)
        if "data" in more:
            more.setdefault("content_type", "application/json")
        return self.client.generic(method, f"{ROOT}{path}", headers={**self.headers, **more.pop("headers", {})}, **more)

    def get(self, path: str, **more: Any) -> Any:
        return self("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self("POST", path, body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        return self("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self("DELETE", path, **more)


@pytest.fixture
def api_of() -> Callable[[User | None], Api]:
    return Api


@pytest.fixture
def api(operator: User) -> Api:
    """The API as who has the right uses it."""
    return Api(operator)


@pytest.fixture
def anonymous(db: None) -> Api:
    return Api(None)


@pytest.fixture(autouse=True)
def _static_files(settings: Any, tmp_path: Path) -> None:
    """Django's pages for errors need style sheets: nothing here needs what `collectstatic` makes of them."""
    settings.STATIC_ROOT = tmp_path
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
