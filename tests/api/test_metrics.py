"""What the host and its containers use, from the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from containers.domain.usage import MachineUsage, Usage
from containers.services import hosts, metrics
from tests.api.conftest import Api
from tests.support import rows

pytestmark = pytest.mark.django_db

MACHINE = MachineUsage(cpu=0.123456, processors=4, memory_bytes=10, memory_total_bytes=100, disk_bytes=5, disk_total_bytes=50)


@pytest.fixture
def viewer_api(viewer: User) -> Api:
    return Api(viewer)


@pytest.fixture
def stranger_api(stranger: User) -> Api:
    return Api(stranger)


def sample(*usages: Usage | None) -> list[float]:
    """Record these for the container, ten seconds apart and the last one now; return when they were taken."""
    key = rows.container("web").pk
    now = timezone.now()
    moments = [now - timedelta(seconds=10 * (len(usages) - 1 - number)) for number in range(len(usages))]
    for moment, used in zip(moments, usages, strict=True):
        metrics.record(hosts.current(), moment, MACHINE, {key: used} if used else {})
    return [round(moment.timestamp(), 1) for moment in moments]


def get(api: Api, path: str) -> Any:
    response = api.get(path)
    assert response.status_code == 200, response.content
    return response.json()


def test_a_container_has_a_list_for_each_number(viewer_api: Api) -> None:
    at = sample(None, Usage(cpu=0.5, memory_bytes=1000.4), Usage(1.25, 2000.0, 4000.0, 3, 10.0, 20.0))
    assert get(viewer_api, "/containers/web/metrics/") == {
        "interval_s": 10,
        "at": at,
        "cpu": [None, 0.5, 1.25],
        "memory_bytes": [None, 1000, 2000],
        "memory_limit_bytes": [None, None, 4000],
        "processes": [None, None, 3],
        "received_bytes_s": [None, None, 10],
        "sent_bytes_s": [None, None, 20],
    }


def test_the_host_has_them_too(viewer_api: Api) -> None:
    at = sample(None)
    assert get(viewer_api, "/metrics/") == {
        "interval_s": 10,
        "at": at,
        "cpu": [0.1235],
        "processors": [4],
        "memory_bytes": [10],
        "memory_total_bytes": [100],
        "disk_bytes": [5],
        "disk_total_bytes": [50],
    }


def test_since_leaves_out_what_was_before_and_a_day_comes_by_the_minute(viewer_api: Api) -> None:
    at = sample(*[Usage(cpu=1.0)] * 13)
    found = get(viewer_api, f"/containers/web/metrics/?since={(timezone.now() - timedelta(seconds=25)).isoformat()}")
    assert found["at"] == at[-3:]
    day = get(viewer_api, f"/containers/web/metrics/?since={(timezone.now() - timedelta(days=1)).isoformat()}")
    assert day["interval_s"] == 60
    assert day["cpu"] == [1.0] * len(day["at"])
    assert 2 <= len(day["at"]) <= 3


def test_nobody_has_sampled(viewer_api: Api) -> None:
    rows.container("web")
    for path in ("/metrics/", "/containers/web/metrics/"):
        found = get(viewer_api, path)
        assert found.pop("interval_s") == 10
        assert set(map(tuple, found.values())) == {()}


def test_what_is_no_moment_is_refused(viewer_api: Api) -> None:
    response = viewer_api.get("/metrics/?since=yesterday")
    assert (response.status_code, response.json()["field"]) == (422, "since")


def test_who_may_not_look_may_not_look(stranger_api: Api, anonymous: Api) -> None:
    rows.container("web")
    for path in ("/metrics/", "/containers/web/metrics/"):
        assert stranger_api.get(path).status_code == 403
        assert anonymous.get(path).status_code == 401


def test_an_unknown_container_is_not_found(viewer_api: Api) -> None:
    assert viewer_api.get("/containers/nothing/metrics/").status_code == 404
