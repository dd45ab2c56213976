"""/tokens/: each limit of a token, as a program meets it; and that no token makes a wider one."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from containers.models import ApiToken, Event
from containers.services import tokens
from containers.services.token_terms import Terms
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db


class Holder(Api):
    """Whoever has one token's text, at an address."""

    def __init__(self, text: str, address: str = "127.0.0.1") -> None:
        super().__init__(None)
        self.headers = {"Authorization": f"Bearer {text}"}
        self.client = Client(REMOTE_ADDR=address)


def holder(user: User, **terms: Any) -> Holder:
    return Holder(tokens.create_token(user, Terms(**terms)))


def test_one_is_made_shown_once_listed_and_taken_back(api: Api, operator: User) -> None:
    made = api.post("/tokens/", {"name": "nightly", "scope": ["operate"], "addresses": ["10.0.0.9/8"], "days": 30})
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    text, number = made.json()["token"], made.json()["id"]
    listed = api.get("/tokens/").json()["results"][0]
    assert {key: listed[key] for key in ("id", "user", "name", "scope", "addresses", "last_used_at")} == {
        "id": number,
        "user": "operator",
        "name": "nightly",
        "scope": ["view", "operate"],
        "addresses": ["10.0.0.0/8"],
        "last_used_at": None,
    }
    assert text not in api.get("/tokens/").content.decode() + api.get(f"/tokens/{number}/").content.decode()
    assert Holder(text, "10.1.2.3").get("/containers/").status_code == 200
    assert api.delete(f"/tokens/{number}/").status_code == 204
    assert Holder(text, "10.1.2.3").get("/containers/").status_code == 401
    assert api.get(f"/tokens/{number}/").status_code == api.delete(f"/tokens/{number}/").status_code == 404


def test_nothing_on_record_could_be_used_as_a_token(api: Api) -> None:
    made = api.post("/tokens/", {"name": "nightly", "scope": ["read-only"], "days": 7}).json()
    api.delete(f"/tokens/{made['id']}/")
    events = list(Event.objects.order_by("id").values_list("kind", "subject", "data"))
    assert [(kind, subject, data["number"]) for kind, subject, data in events] == [
        ("token.create", "operator", made["id"]),
        ("token.revoke", "operator", made["id"]),
    ]
    assert events[0][2]["scope"] == ["view", "audit"]
    assert made["token"] not in str(events)
    assert tokens.digest_of(made["token"]) not in str(events)


def test_its_scope_is_all_that_it_does(operator: User) -> None:
    rows.container("web")
    limited = holder(operator, scope=("view",))
    assert limited.get("/containers/").status_code == 200
    assert limited.post("/containers/web/start/").status_code == 403
    assert holder(operator, scope=("operate",)).post("/containers/web/start/").status_code == 202
    assert holder(operator, scope=("operate",)).delete("/containers/web/").status_code == 403


def test_it_ends_with_its_day(operator: User) -> None:
    one = holder(operator, days=1)
    assert one.get("/containers/").status_code == 200
    ApiToken.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))
    assert one.get("/containers/").status_code == 401


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("192.168.0.1", 401), ("::1", 401), ("", 401), ("nonsense", 401)],
)
def test_it_is_taken_from_its_networks_alone(operator: User, address: str, status: int) -> None:
    text = tokens.create_token(operator, Terms(addresses=("10.0.0.0/8",)))
    assert Holder(text, address).get("/containers/").status_code == status
    # What a client says of itself is not where it is.
    assert Holder(text, address).get("/containers/", headers={"X-Forwarded-For": "10.1.2.3"}).status_code == status


def test_it_goes_with_its_account(operator: User) -> None:
    one = holder(operator)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert one.get("/containers/").status_code == 401
    User.objects.filter(pk=operator.pk).update(is_active=True)
    assert one.get("/containers/").status_code == 200
    operator.delete()
    assert one.get("/containers/").status_code == 401


@pytest.mark.parametrize(
    ("has", "asked", "status"),
    [
        ({}, {"scope": ["operate"]}, 201),
        ({"scope": ("operate",)}, {"scope": ["operate"], "days": 1}, 201),
        ({"scope": ("operate",)}, {"scope": ["destroy"]}, 422),
        ({"scope": ("operate",)}, {"scope": ["read-only"]}, 422),
        ({"scope": ("view",)}, {}, 403),
        ({"scope": ("read-only",)}, {"scope": ["view"]}, 403),
        ({"days": 7}, {"days": 8}, 422),
        ({"days": 7}, {"days": 6}, 201),
        ({"addresses": ("127.0.0.0/8",)}, {"addresses": ["127.0.0.1"]}, 201),
        ({"addresses": ("127.0.0.0/8",)}, {"addresses": ["0.0.0.0/0"]}, 422),
        ({"addresses": ("127.0.0.0/8",)}, {"addresses": ["::/0"]}, 422),
        ({"addresses": ("127.0.0.0/8",)}, {"addresses": ["127.0.0.1", "10.0.0.1"]}, 422),
    ],
)
def test_no_token_makes_a_wider_one(operator: User, has: dict[str, Any], asked: dict[str, Any], status: int) -> None:
    assert holder(operator, **has).post("/tokens/", asked).status_code == status


def test_what_is_left_open_is_what_the_token_that_asks_is_good_for(operator: User) -> None:
    parent = holder(operator, scope=("operate",), addresses=("127.0.0.1",), days=7)
    made = parent.post("/tokens/", {}).json()
    row = ApiToken.objects.get(made_with=None)
    assert (made["scope"], made["addresses"], made["made_with"]) == (row.scope, ["127.0.0.1/32"], row.pk)
    assert ApiToken.objects.get(pk=made["id"]).expires_at == row.expires_at
    # It makes none itself, and goes with the one that it was made with.
    assert Holder(made["token"]).post("/tokens/", {}).status_code == 403
    tokens.revoke(rows.ROOT, row.pk)
    assert Holder(made["token"]).get("/containers/").status_code == 401
    numbers = [data["number"] for data in Event.objects.filter(kind="token.revoke").values_list("data", flat=True)]
    assert sorted(numbers) == sorted([row.pk, made["id"]])


def test_a_limited_token_reaches_itself_and_what_it_made(operator: User, viewer: User) -> None:
    other = ApiToken.objects.get(digest=tokens.digest_of(tokens.create_token(operator)))
    limited = holder(operator, scope=("operate",))
    made = limited.post("/tokens/", {}).json()
    assert limited.get("/tokens/").json()["count"] == 2
    assert limited.delete(f"/tokens/{other.pk}/").status_code == 404
    assert limited.delete(f"/tokens/{made['id']}/").status_code == 204
    # Somebody else's are nobody's business.
    assert Api(viewer).delete(f"/tokens/{other.pk}/").status_code == 404
    for query in ("everybody=true", "user=operator"):
        assert Api(viewer).get(f"/tokens/?{query}").status_code == 403


def test_who_administers_sees_and_takes_back_everybodys(admin: User, operator: User) -> None:
    tokens.create_token(operator)
    api = Api(admin)
    assert api.get("/tokens/").json()["count"] == 1
    assert api.get("/tokens/?everybody=true").json()["count"] == 2
    (found,) = api.get("/tokens/?user=operator").json()["results"]
    assert api.delete(f"/tokens/{found['id']}/").status_code == 204
    # Not with a token that is for less.
    assert holder(admin, scope=("operate",)).get("/tokens/?everybody=true").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"scope": ["fly"]},
        {"scope": "view"},
        {"addresses": ["10.0.0.0/99"]},
        {"addresses": ["a"] * 21},
        {"days": 0},
        {"days": 10**9},
        {"days": 1.5},
        {"name": "x" * 61},
        {"name": "a\nb"},
        {"user": "admin"},
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.post("/tokens/", body).status_code == 422
    assert ApiToken.objects.count() == 1


def test_nobody_has_more_than_a_hundred(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 2)
    api = Api(operator)
    assert api.post("/tokens/", {}).status_code == 201
    assert api.post("/tokens/", {}).status_code == 409
