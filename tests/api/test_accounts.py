"""/accounts/: made, changed, removed, for who administers accounts."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from containers.models import Event
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse-battery"  # noqa: S105


@pytest.fixture
def api(admin: User) -> Api:
    return Api(admin)


def signs_in(name: str, password: str) -> bool:
    return Client().login(username=name, password=password)


def test_an_account_with_a_made_password(api: Api) -> None:
    made = api.post("/accounts/", {"name": "anna", "roles": ["Viewer"], "grants": [{"right": "operate", "pattern": "shop-*"}]})
    assert made.status_code == 201
    found = made.json()
    assert signs_in("anna", found.pop("password"))
    assert found == api.get("/accounts/anna/").json() | {"last_sign_in": None}
    assert (found["roles"], found["grants"]) == (["Viewer"], [{"right": "operate", "pattern": "shop-*", "app": ""}])
    assert [(one["right"], one["pattern"], one["source"]) for one in found["rights"]] == [
        ("operate", "shop-*", "granted in person"),
        ("view", "*", "role Viewer"),
    ]
    assert [one["name"] for one in api.get("/accounts/").json()["results"]] == ["admin", "anna"]


def test_an_account_with_a_typed_password(api: Api) -> None:
    assert api.post("/accounts/", {"name": "anna", "password": PASSWORD}).json()["password"] is None
    assert signs_in("anna", PASSWORD)
    events = Event.objects.filter(subject="anna")
    assert list(events.values_list("kind", "user_name")) == [("user.create", "admin")]
    assert PASSWORD not in str(list(events.values()))


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "-anna"},
        {"name": "an na"},
        {"name": "аnna"},
        {"name": "anna\n"},
        {"name": "x" * 65},
        {"name": "ADMIN"},
        {"name": "root"},
        {"name": "anna", "password": "short"},
        {"name": "anna", "password": "password1234"},
        {"name": "anna", "password": "x" * 201},
        {"name": "anna", "grants": [{"right": "users", "pattern": "shop-*"}]},
        {"name": "anna", "is_superuser": True},
    ],
)
def test_what_makes_no_account_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.post("/accounts/", body).status_code == 422
    assert User.objects.count() == 1
    assert not Event.objects.exists()


def test_an_unknown_role_makes_no_account_either(api: Api) -> None:
    assert api.post("/accounts/", {"name": "anna", "roles": ["King"]}).status_code == 404
    assert User.objects.count() == 1


def test_roles_and_rights_are_replaced(api: Api, stranger: User) -> None:
    api.patch("/accounts/stranger/", {"roles": ["Viewer", "Auditor"], "grants": [{"right": "operate", "app": "shop"}]})
    changed = api.patch("/accounts/stranger/", {"roles": ["Auditor"], "grants": []}).json()
    assert (changed["roles"], changed["grants"]) == (["Auditor"], [])
    kinds = [event.kind for event in Event.objects.filter(subject="stranger").order_by("id")]
    assert kinds == ["role.grant"] * 3 + ["role.revoke"] * 2


def test_switching_off_ends_sessions_and_tokens(api: Api, viewer: User) -> None:
    browser = Client()
    browser.force_login(viewer)
    theirs = Api(viewer)
    api.patch("/accounts/viewer/", {"active": False})
    assert theirs.get("/containers/").status_code == 401
    assert browser.get("/").status_code == 302
    api.patch("/accounts/viewer/", {"active": True})
    assert theirs.get("/containers/").status_code == 200


def test_another_password_ends_sessions(api: Api, viewer: User) -> None:
    browser = Client()
    browser.force_login(viewer)
    assert signs_in("viewer", api.patch("/accounts/viewer/", {"password": ""}).json()["password"])
    assert browser.get("/").status_code == 302


def test_a_change_is_made_as_a_whole_or_not_at_all(api: Api, viewer: User) -> None:
    assert api.patch("/accounts/viewer/", {"active": False, "roles": ["King"]}).status_code == 404
    assert User.objects.get(username="viewer").is_active
    assert not Event.objects.exists()


def test_what_is_removed_stays_on_record(api: Api, operator: User) -> None:
    theirs = Api(operator)
    rows.container("web")
    job = theirs.post("/containers/web/start/").json()["job"]
    assert api.delete("/accounts/operator/").status_code == 204
    assert theirs.get("/containers/").status_code == 401
    assert api.get("/accounts/operator/").status_code == 404
    assert api.get(f"/jobs/{job}/").json()["user"] == "operator"
    asked = Event.objects.filter(kind="job.queue", job=job).values_list("user_name", flat=True)
    assert list(asked) == ["operator"]


@pytest.mark.parametrize("body", [None, {"active": False}])
def test_nobody_does_it_to_himself(api: Api, body: dict[str, Any] | None) -> None:
    rows.user("second", is_superuser=True)
    response = api.delete("/accounts/admin/") if body is None else api.patch("/accounts/admin/", body)
    assert response.status_code == 409


def test_the_last_administrator_stays(api: Api, admin: User) -> None:
    api.patch("/accounts/admin/", {"roles": ["Administrator"]})
    User.objects.update(is_superuser=False)
    assert api.patch("/accounts/admin/", {"roles": []}).status_code == 409
    assert api.get("/accounts/admin/").json()["roles"] == ["Administrator"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_only_who_administers(operator: User, viewer: User, method: str) -> None:
    path = "/accounts/" if method == "POST" else "/accounts/viewer/"
    assert Api(operator)(method, path, {} if method in ("POST", "PATCH") else None).status_code == 403
    assert User.objects.count() == 2


def test_sessions_are_listed_and_ended(api: Api, viewer: User) -> None:
    viewer.set_password(PASSWORD)
    viewer.save()
    browser = Client()
    browser.post("/sign-in/", {"username": "viewer", "password": PASSWORD}, headers={"user-agent": "Browser"})
    found = api.get("/accounts/viewer/").json()
    assert [(one["address"], one["browser"]) for one in found["sessions"]] == [("127.0.0.1", "Browser")]
    assert found["second_factors"] == []

    assert api.delete("/accounts/viewer/sessions/").status_code == 204

    assert browser.get("/").status_code == 302
    assert api.get("/accounts/viewer/").json()["sessions"] == []
    assert api.delete("/accounts/nobody/sessions/").status_code == 404
