"""/audit/: for those who may read it, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from containers.models import Event
from tests.api.conftest import Api
from tests.support import rows
from tests.support.audit import write

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(api_of: Callable[[User | None], Api]) -> Api:
    return api_of(rows.user("aud", "read_audit"))


@pytest.mark.parametrize("path", ["/audit/", "/audit/1/", "/audit/export/"])
def test_who_may_not_is_refused(anonymous: Api, api_of: Callable[[User | None], Api], operator: User, path: str) -> None:
    write(1)
    before = Event.objects.count()
    assert anonymous.get(path).status_code == 401
    assert api_of(operator).get(path).status_code == 403
    assert Event.objects.exclude(kind="permission.refuse").count() == before


def test_events_by_what_they_are_about(api: Api) -> None:
    rows.container("web")
    write(1, "sign-in")
    found = api.get("/audit/?subject=web&kind=container.create").json()
    assert (found["count"], found["results"][0]["subject"]) == (1, "web")
    number = found["results"][0]["id"]
    assert api.get(f"/audit/{number}/").json() == found["results"][0]
    assert api.get("/audit/99999999999999999999/").status_code == 404
    assert api.get("/audit/?kind=nothing").status_code == 422


def test_all_as_lines(api: Api) -> None:
    write(3)
    response = api.get("/audit/export/?kind=demo.create")
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(
        Event.objects.filter(kind="demo.create").order_by("id").values_list("id", flat=True)
    )
    assert Event.objects.latest("id").data == {"format": "jsonl", "query": {"kind": "demo.create"}}
    table = b"".join(api.get("/audit/export/?format=csv").streaming_content).decode()
    assert table.startswith("id,at,kind,")
