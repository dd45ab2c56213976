"""GET /graph/."""

from __future__ import annotations

from typing import Any

import pytest

from containers.choices import ContainerState
from tests.api.conftest import Api
from tests.services.test_timings import past
from tests.support import rows

pytestmark = pytest.mark.django_db


def test_the_graph_is_told_by_tiers(api: Api) -> None:
    rows.chain(state=ContainerState.RUNNING)
    past("db", "start", 0.5)
    body = api.get("/graph/").json()
    assert body["tiers"] == [["db"], ["app"], ["web"]]
    assert body["simulation"] is None
    assert body["containers"][0] == {
        "container": "db",
        "state": "RUNNING",
        "tier": 1,
        "needs": [],
        "needed_by": ["app"],
        "ready_after_ms": 500,
    }


def test_a_simulation_comes_with_order_reasons_and_times(api: Api) -> None:
    rows.chain(state=ContainerState.RUNNING)
    past("web", "stop", 2)
    simulation = api.get("/graph/?simulate=stop&container=app").json()["simulation"]
    assert simulation == {
        "scenario": "stop",
        "targets": ["app"],
        "total_ms": 2000,
        "critical": [1],
        "steps": [
            {
                "number": 1,
                "container": "web",
                "action": "stop",
                "reason": "needs app",
                "after": [],
                "begins_ms": 0,
                "lasts_ms": 2000,
            },
            {
                "number": 2,
                "container": "app",
                "action": "stop",
                "reason": "asked for",
                "after": [1],
                "begins_ms": 2000,
                "lasts_ms": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("simulate=stop", 422),
        ("simulate=explode", 422),
        ("simulate=stop&container=nothing", 404),
        ("simulate=stop&container=A%00", 422),
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, query: str, status: int) -> None:
    assert api.get(f"/graph/?{query}").status_code == status


def test_who_may_not_look_gets_nothing(api_of: Any, stranger: Any, anonymous: Api) -> None:
    assert api_of(stranger).get("/graph/").status_code == 403
    assert anonymous.get("/graph/").status_code == 401
