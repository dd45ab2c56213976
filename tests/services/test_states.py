"""Looks at the host become rows: never an older over a newer one, and told when something changed."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.utils import timezone

from containers.choices import ContainerState
from containers.models import Container
from containers.services import events, states
from tests.support import rows

pytestmark = pytest.mark.django_db

START = timezone.now()


def at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was published about containers."""
    published: list[dict[str, Any]] = []
    monkeypatch.setattr(events, "publish", lambda kind, data: published.append({"kind": kind, **data}))
    return published


def look(state: str, seconds: float, pid: int | None = None) -> bool:
    return states.record_look(rows.host(), "a", state, pid, at(seconds))


def row() -> Container:
    return Container.objects.get(name="a")


def test_a_look_is_written_and_told(told: list[dict[str, Any]]) -> None:
    made = rows.container("a")
    told.clear()
    assert look("RUNNING", 1, 77) is True
    assert (row().state, row().pid, row().state_at, row().state_since) == ("RUNNING", 77, at(1), at(1))
    assert told == [
        {
            "kind": "container",
            "name": "a",
            "state": "RUNNING",
            "pid": 77,
            "address": made.address,
            "pending": False,
            "is_ready": None,
            "failure": "",
            "job": made.last_job_id,
        }
    ]


def test_an_older_look_never_replaces_a_newer_one(told: list[dict[str, Any]]) -> None:
    rows.container("a")
    look("RUNNING", 5, 77)
    told.clear()
    assert look("STOPPED", 4) is False
    assert look("STOPPED", 5) is False
    assert (row().state, row().state_at) == ("RUNNING", at(5))
    assert told == []


def test_the_same_again_moves_the_time_of_the_look_only(told: list[dict[str, Any]]) -> None:
    rows.container("a")
    look("RUNNING", 1, 77)
    told.clear()
    assert look("RUNNING", 9, 77) is True
    assert (row().state_at, row().state_since) == (at(9), at(1))
    assert told == []


@pytest.mark.parametrize(
    ("state", "pid", "expected"), [("RUNNING", 77, True), ("RUNNING", 78, None), ("STOPPED", None, None), ("FROZEN", 77, None)]
)
def test_readiness_ends_with_the_run(state: str, pid: int | None, expected: bool | None) -> None:
    rows.container("a")
    look("RUNNING", 1, 77)
    states.mark_ready(rows.host(), "a", ready=True)
    look(state, 2, pid)
    assert row().is_ready is expected


def test_a_look_at_what_is_gone_is_dropped() -> None:
    assert look("RUNNING", 1) is False


def test_looks_at_many_cost_two_queries_and_one_for_each_change(django_assert_num_queries: Any) -> None:
    for name in ("a", "b", "c", "d"):
        rows.container(name)
    states.record_look(rows.host(), "d", "RUNNING", 5, at(100))
    host = rows.host()
    with django_assert_num_queries(2 + 2):
        looks = {
            "a": ("RUNNING", 7),
            "b": ("STOPPED", None),
            "c": ("STOPPED", None),
            "d": ("STOPPED", None),
            "gone": ("STOPPED", None),
        }
        assert states.record_looks(host, looks, at(50)) == 1
    found = {each.name: (each.state, each.state_at) for each in Container.objects.all()}
    assert found == {"a": ("RUNNING", at(50)), "b": ("STOPPED", at(50)), "c": ("STOPPED", at(50)), "d": ("RUNNING", at(100))}


def test_a_start_is_marked(told: list[dict[str, Any]]) -> None:
    rows.container("a")
    states.mark_failure(rows.host(), "a", "it broke\nbadly")
    assert row().failure == "it broke"
    states.mark_started(rows.host(), "a", 4, "d" * 64)
    assert (row().applied_revision, row().applied_digest, row().failure) == (4, "d" * 64, "")
    told.clear()
    states.mark_started(rows.host(), "a", 4, "d" * 64)
    assert told == []


def test_a_failure_is_bounded_and_taken_back() -> None:
    rows.container("a")
    states.mark_failure(rows.host(), "a", "x" * 1000)
    assert row().failure == "x" * 300
    states.mark_failure(rows.host(), "a", "")
    assert row().failure == ""


def test_only_what_runs_is_ready() -> None:
    rows.container("a", state=ContainerState.STOPPED)
    states.mark_ready(rows.host(), "a", ready=True)
    assert row().is_ready is None


def test_a_clock_that_was_set_back_does_not_make_the_rows_blind() -> None:
    rows.container("a")
    assert look("RUNNING", 3600, 77) is True
    assert look("STOPPED", 3599) is False
    assert look("STOPPED", 0) is True
    assert (row().state, row().state_at) == ("STOPPED", at(0))
    assert states.record_looks(rows.host(), {"a": ("RUNNING", 78)}, at(1)) == 1
