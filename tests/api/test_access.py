"""Who may what, for every operation in the OpenAPI document: none can be forgotten here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.crypto import get_random_string
from pytest_django import DjangoDbBlocker

from containers.api import api as ninja_api
from containers.models import ApiToken, Container, Event, Job, Layer
from containers.services import recipes, tokens
from tests.api.conftest import Api
from tests.support import exports, rows
from tests.support.kept import rows_kept
from tests.support.sessions import session_server
from tests.support.signing import show_again

__all__ = ["session_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("session_server")]

METHODS = ("get", "post", "patch", "delete", "put")
# What a viewer may not: everything that is not a GET.
OPERATIONS = [
    (method.upper(), path)
    for path, operations in ninja_api.get_openapi_schema(path_prefix="")["paths"].items()
    for method in operations
    if method in METHODS
]
EVENTS = ("GET", "/events/")
# For those who may open terminals, a right of its own.
TERMINALS = [operation for operation in OPERATIONS if "/terminals/" in operation[1]]
# For those who may read the audit trail, see test_audit.py.
AUDIT = [operation for operation in OPERATIONS if operation[1].startswith("/audit/")]
# For those who administer accounts, and one's own keys: see test_accounts.py and test_tokens.py.
ACCOUNTS = [operation for operation in OPERATIONS if operation[1].startswith(("/accounts/", "/tokens/"))]
APART = [EVENTS, *TERMINALS, *AUDIT, *ACCOUNTS]
ORDINARY = [operation for operation in OPERATIONS if operation not in APART]


def concrete(path: str) -> str:
    kinds = {
        "layers": "spare",
        "images": "spare",
        "recipes": "dish",
        "repositories": "spare",
        "exports": "spare",
        "volumes": "data",
        "apps": "static-site",
        "installations": "blog",
    }
    kind = kinds.get(path.split("/")[1], "web")
    return path.replace("{name}", kind).replace("{job_id}", str(Job.objects.latest("id").pk)).replace("{number}", "1")


# DESIGN, section 8, and what the issues added to it.
CONTRACT = {
    ("GET", "/accounts/"),
    ("POST", "/accounts/"),
    ("GET", "/accounts/{name}/"),
    ("PATCH", "/accounts/{name}/"),
    ("DELETE", "/accounts/{name}/"),
    ("DELETE", "/accounts/{name}/sessions/"),
    ("GET", "/tokens/"),
    ("POST", "/tokens/"),
    ("GET", "/tokens/{number}/"),
    ("DELETE", "/tokens/{number}/"),
    ("GET", "/audit/"),
    ("GET", "/audit/export/"),
    ("GET", "/audit/{number}/"),
    ("GET", "/containers/"),
    ("POST", "/containers/"),
    ("GET", "/containers/{name}/"),
    ("PATCH", "/containers/{name}/"),
    ("DELETE", "/containers/{name}/"),
    *(
        ("POST", f"/containers/{{name}}/{operation}/")
        for operation in ["start", "stop", "restart", "reset", "kill", "freeze", "unfreeze", "mount", "unmount", "execute"]
    ),
    ("POST", "/bulk/"),
    ("GET", "/containers/{name}/plan/"),
    ("GET", "/plan/"),
    ("GET", "/containers/{name}/config/"),
    ("GET", "/containers/{name}/log/"),
    ("GET", "/containers/{name}/revisions/"),
    ("GET", "/containers/{name}/metrics/"),
    ("GET", "/metrics/"),
    ("GET", "/graph/"),
    ("POST", "/import/"),
    ("GET", "/export/"),
    ("GET", "/images/"),
    ("GET", "/images/{name}/"),
    ("DELETE", "/images/{name}/"),
    ("POST", "/containers/{name}/commit/"),
    ("GET", "/clean-up/"),
    ("POST", "/clean-up/"),
    ("GET", "/layers/{name}/files/"),
    ("GET", "/layers/{name}/file/"),
    ("GET", "/layers/{name}/preview/"),
    ("GET", "/layers/{name}/summary/"),
    ("GET", "/containers/{name}/ephemeral/"),
    ("GET", "/containers/{name}/ephemeral/files/"),
    ("GET", "/containers/{name}/ephemeral/file/"),
    ("GET", "/containers/{name}/ephemeral/preview/"),
    ("GET", "/recipes/"),
    ("POST", "/recipes/"),
    ("GET", "/recipes/{name}/"),
    ("PUT", "/recipes/{name}/"),
    ("DELETE", "/recipes/{name}/"),
    ("GET", "/recipes/{name}/files/"),
    ("PUT", "/recipes/{name}/files/"),
    ("DELETE", "/recipes/{name}/files/"),
    ("POST", "/recipes/{name}/build/"),
    ("POST", "/images/{name}/export/"),
    ("GET", "/exports/{name}/"),
    ("DELETE", "/exports/{name}/"),
    ("GET", "/repositories/"),
    ("POST", "/repositories/"),
    ("GET", "/repositories/{name}/"),
    ("DELETE", "/repositories/{name}/"),
    ("POST", "/repositories/{name}/refresh/"),
    ("POST", "/repositories/{name}/fetch/"),
    ("GET", "/layers/"),
    ("POST", "/layers/"),
    ("POST", "/layers/bootstrap/"),
    ("POST", "/images/import/"),
    ("POST", "/images/pull/"),
    ("GET", "/layers/{name}/"),
    ("DELETE", "/layers/{name}/"),
    ("GET", "/containers/{name}/terminals/"),
    ("POST", "/containers/{name}/terminals/"),
    ("POST", "/containers/{name}/terminals/{number}/join/"),
    ("POST", "/containers/{name}/terminals/{number}/end/"),
    ("GET", "/jobs/"),
    ("GET", "/jobs/{job_id}/"),
    ("GET", "/jobs/{job_id}/log/"),
    ("POST", "/jobs/{job_id}/cancel/"),
    ("POST", "/jobs/{job_id}/retry/"),
    ("GET", "/events/"),
    ("GET", "/apps/"),
    ("GET", "/apps/{name}/"),
    ("DELETE", "/apps/{name}/"),
    ("POST", "/apps/{name}/publish/"),
    ("POST", "/apps/{name}/withdraw/"),
    ("POST", "/apps/{name}/preview/"),
    ("GET", "/installations/"),
    ("POST", "/installations/"),
    ("POST", "/installations/restore/"),
    ("GET", "/installations/{name}/"),
    ("DELETE", "/installations/{name}/"),
    ("GET", "/installations/{name}/update/"),
    ("POST", "/installations/{name}/update/"),
    ("POST", "/installations/{name}/back/"),
    ("POST", "/installations/{name}/backup/"),
    ("POST", "/installations/{name}/forget/"),
    ("PUT", "/installations/{name}/schedule/"),
    ("GET", "/backups/{file}/"),
    ("DELETE", "/backups/{file}/"),
    ("GET", "/containers/{name}/drift/"),
    ("POST", "/containers/{name}/drift/adopt/"),
    ("POST", "/containers/{name}/drift/ignore/"),
    ("POST", "/containers/{name}/repair/"),
    ("GET", "/network/"),
    ("GET", "/volumes/"),
    ("POST", "/volumes/measure/"),
    ("DELETE", "/volumes/{name}/"),
    ("GET", "/volumes/{name}/files/"),
    ("GET", "/volumes/{name}/file/"),
    ("GET", "/volumes/{name}/preview/"),
}


@pytest.fixture(autouse=True, scope="module")
def _rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with rows_kept(django_db_blocker), exports.own("spare:1"):
        rows.container("web")
        rows.image("spare:1", layers=("spare",))
        recipes.put_file(rows.ROOT, recipes.save(rows.ROOT, "dish", "FROM base"), "salt", recipes.FileContent(b""))
        exports.row("spare")
        rows.volume("data")
        rows.installation("blog")
        yield


def counts() -> dict[str, int]:
    """That somebody was refused, or took something out, is on record; nothing else may be."""
    events = Event.objects.exclude(kind__in=("permission.refuse", "definitions.export", "job.export")).count()
    return {"events": events, **{model.__name__: model.objects.count() for model in (Container, Job, Layer)}}


def test_all_operations_of_the_contract_are_there() -> None:
    assert set(OPERATIONS) == CONTRACT


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nothing", "Bearer spoc_x", "Basic YTpi", "Bearer \x00é"])
def test_nobody_is_asked_who_they_are(anonymous: Api, method: str, path: str, header: str | None) -> None:
    before = counts()
    headers = {"Authorization": header} if header else {}
    response = anonymous(method, concrete(path), {"garbage": 1}, headers=headers)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert json.loads(response.content)["code"] == "unauthenticated"
    assert counts() == before


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_stranger_may_nothing(stranger: User, method: str, path: str) -> None:
    before = counts()
    response = Api(stranger)(method, concrete(path), {"garbage": 1})
    assert response.status_code == 403
    assert json.loads(response.content)["code"] == "forbidden"
    assert counts() == before


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_stranger_learns_nothing_about_what_exists(stranger: User, method: str, path: str) -> None:
    path = path.replace("{name}", "other").replace("{job_id}", "999").replace("{number}", "999")
    assert Api(stranger)(method, path, {}).status_code == 403


@pytest.mark.parametrize(("method", "path"), ORDINARY)
def test_the_viewer_may_look(viewer: User, method: str, path: str) -> None:
    before = counts()
    more = "&path=salt" if "/recipes/" in path else ""
    response = Api(viewer)(method, f"{concrete(path)}?operation=start&container=web{more}", None if method == "GET" else {})
    if path.endswith(("/file/", "/preview/", "/update/")) and not more:
        assert response.status_code == 403
    elif ("/files" in path and not more) or "/ephemeral" in path or path.endswith("/summary/"):
        # Nothing of it is on the host: see test_files.py.
        assert response.status_code == 404
    else:
        # What is in an image is no more for everybody's eyes than what is in a layer.
        assert response.status_code == (200 if method == "GET" and not path.startswith(("/exports/", "/backups/")) else 403)
    assert counts() == before


@pytest.mark.parametrize(("method", "path"), ORDINARY)
def test_who_has_the_right_is_not_refused(api: Api, admin: User, method: str, path: str) -> None:
    for one in (api, Api(admin)):
        response = one(method, f"{concrete(path)}?operation=start&container=web", None if method == "GET" else {"x": 1})
        assert response.status_code not in (401, 403, 405)
        assert response.status_code < 500


@pytest.mark.parametrize(("method", "path"), TERMINALS)
def test_terminals_are_a_right_of_their_own(api: Api, viewer: User, admin: User, method: str, path: str) -> None:
    before = counts()
    body = None if method == "GET" else {}
    for one in (api, Api(viewer)):
        assert one(method, concrete(path), body).status_code == 403
    opener = rows.user("opener", "view_container", "open_terminal")
    for person in (admin, opener):
        # It does not run, and there is no such terminal.
        assert (
            Api(person)(method, concrete(path), body).status_code
            == {"GET": 200, "POST": 404 if "1/" in concrete(path) else 409}[method]
        )
    assert counts() == before


def test_a_token_of_a_switched_off_account_is_worth_nothing(operator: User, api: Api) -> None:
    User.objects.update(is_active=False)
    assert api.get("/containers/").status_code == 401


def test_a_removed_token_is_worth_nothing(api: Api) -> None:
    ApiToken.objects.all().delete()
    assert api.get("/containers/").status_code == 401


class Session:
    """A browser that is signed in, with the CSRF check on."""

    def __init__(self, user: User) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.client.force_login(user)

    def token(self) -> str:
        secret = get_random_string(32)
        self.client.cookies["spocweb_csrf"] = secret
        return secret

    def post(self, path: str, **headers: str) -> Any:
        return self.client.post(f"/api/v1{path}", "{}", content_type="application/json", headers=headers)


def test_a_session_may_read(operator: User, stranger: User) -> None:
    assert Session(operator).client.get("/api/v1/containers/").status_code == 200
    assert Session(stranger).client.get("/api/v1/containers/").status_code == 403


def test_a_session_may_write_with_the_csrf_token_only(operator: User) -> None:
    session = Session(operator)
    refused = session.post("/containers/web/start/")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "CSRF" in refused.json()["message"]
    assert session.post("/containers/web/start/", **{"X-CSRFToken": "x" * 32}).status_code == 403
    assert session.post("/containers/web/start/", **{"X-CSRFToken": session.token()}).status_code == 202
    job = Job.objects.latest("id")
    assert (job.user, job.via, job.remote_address) == (operator, "api", "127.0.0.1")


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_no_writing_method_goes_without_the_csrf_token(operator: User, method: str) -> None:
    session = Session(operator)
    response = getattr(session.client, method)("/api/v1/containers/web/", "{}", content_type="application/json")
    assert response.status_code == 403
    assert Job.objects.filter(operation="destroy").count() == 0


def test_a_wrong_token_is_not_made_good_by_a_session(operator: User) -> None:
    session = Session(operator)
    headers = {"Authorization": "Bearer spoc_wrong"}
    assert session.client.get("/api/v1/containers/", headers=headers).status_code == 401


def test_a_token_needs_no_csrf_token(operator: User) -> None:
    client = Client(enforce_csrf_checks=True)
    headers = {"Authorization": f"bearer {tokens.create_token(operator)}"}
    response = client.post("/api/v1/containers/web/start/", headers=headers, content_type="application/json")
    assert response.status_code == 202


def test_a_form_of_a_session_is_no_json(operator: User) -> None:
    session = Session(operator)
    headers = {"X-CSRFToken": session.token()}
    refused = session.client.post("/api/v1/containers/", {"name": "web"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


def test_a_session_destroys_nothing_unless_its_owner_was_here_lately(operator: User) -> None:
    session = Session(operator)
    headers = {"X-CSRFToken": session.token()}
    refused = session.client.delete("/api/v1/containers/web/", headers=headers)
    assert refused.status_code == 403
    assert refused.json()["message"].startswith("Confirm again who you are. Sign in again, or ")
    assert not Job.objects.filter(operation="destroy").exists()
    show_again(session.client, operator)
    assert session.client.delete("/api/v1/containers/web/", headers=headers).status_code == 202
