"""The OpenAPI document, and the API against it: whatever is sent, as whoever, no answer is a server error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from containers.api import api as ninja_api
from tests.api.conftest import Api
from tests.support import rows
from tests.support.sessions import session_server

__all__ = ["session_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("session_server")]

SCHEMA = schemathesis.openapi.from_dict(ninja_api.get_openapi_schema(path_prefix="/api/v1/"))
FOUND: list[Any] = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
OPERATIONS = {operation.label: operation for operation in FOUND if not operation.label.endswith("/events/")}
EXAMPLES = 8
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def app(settings: Any, tmp_path: Path) -> Iterator[WSGIHandler]:
    """The panel without the part that closes connections: the test's transaction lives in one."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.MEDIA_ROOT.mkdir()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield WSGIHandler()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def probe(app: WSGIHandler, label: str, mode: GenerationMode, check: Callable[[Any, Any], None], headers: dict[str, str]) -> None:
    """Send what the document describes, or its contrary, and have each answer checked."""

    @bounds(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def send(data: st.DataObject) -> None:
        case = data.draw(OPERATIONS[label].as_strategy(generation_mode=mode))
        if "name" in (case.path_parameters or {}) and data.draw(st.booleans()):
            case.path_parameters["name"] = "web"
        # schemathesis asks a WSGI application for compressed answers, and does not decompress them; a host that is not ours
        # is refused before it comes to the API.
        sent = {**headers, "Accept-Encoding": "identity", "Host": "localhost"}
        response = case.call(base_url="http://localhost", headers=sent, app=app)
        check(case, response)

    send()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_is_a_server_error(app: WSGIHandler, admin: User, label: str, mode: GenerationMode) -> None:
    rows.container("web")
    rows.image("web:1", layers=("spare",))

    def check(case: Any, response: Any) -> None:
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            body = response.json()
            assert isinstance(body["code"], str)
            assert isinstance(body["message"], str)

    probe(app, label, mode, check, Api(admin).headers)


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_request_of_the_stranger_is_refused(app: WSGIHandler, stranger: User, label: str) -> None:
    rows.container("web")
    rows.image("web:1", layers=("spare",))

    def check(case: Any, response: Any) -> None:
        assert response.status_code in (403, 404)
        assert response.json()["code"] in ("forbidden", "not-found")

    probe(app, label, GenerationMode.POSITIVE, check, Api(stranger).headers)


def test_the_document_is_public_and_names_both_ways_to_sign_in(anonymous: Api) -> None:
    response = anonymous.get("/openapi.json")
    assert response.status_code == 200
    document = response.json()
    assert document["info"] == {"title": "spocweb", "version": "1", "description": document["info"]["description"]}
    assert {(scheme["type"], scheme.get("scheme")) for scheme in document["components"]["securitySchemes"].values()} == {
        ("http", "bearer"),
        ("apiKey", None),
    }
    create = document["paths"]["/api/v1/containers/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert create["required"] == ["name", "definition"]
    assert create["properties"]["definition"] == {"$ref": "#/components/schemas/Definition"}
    assert list(document["components"]["schemas"]["Definition"]["properties"]) == [
        "build",
        "depends",
        "layers",
        "mounts",
        "env",
        "uid",
        "gid",
        "cmd",
        "cwd",
        "ready",
        "halt",
    ]


def test_every_operation_has_a_name_of_its_own(anonymous: Api) -> None:
    paths = anonymous.get("/openapi.json").json()["paths"]
    names = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(names) == len(set(names)) > 30
    assert all("." not in name and not name.startswith("containers_api") for name in names)


def test_there_is_no_page_with_foreign_scripts(anonymous: Api) -> None:
    for path in ("/docs/", "/redoc/", "/"):
        response = anonymous.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not-found")


def test_the_document_is_made_once_and_not_sent_to_who_has_it(anonymous: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    first = anonymous.get("/openapi.json")
    monkeypatch.setattr(ninja_api, "get_openapi_schema", lambda **more: pytest.fail("made once more"))
    again = anonymous.get("/openapi.json")
    assert (again.content, again["ETag"]) == (first.content, first["ETag"])
    assert again["Cache-Control"] == "no-cache"
    kept = anonymous.get("/openapi.json", headers={"If-None-Match": first["ETag"]})
    assert (kept.status_code, kept.content) == (304, b"")
    assert anonymous.get("/openapi.json", headers={"If-None-Match": '"another"'}).status_code == 200
