from __future__ import annotations

from typing import Any

import pytest

from containers.domain.limits import Limits, Timeouts
from containers.errors import FieldError, InvalidRequest


def test_nothing_is_limited_unless_asked_for() -> None:
    assert Limits.parse({}) == Limits(memory_bytes=None, cpus=None, pids=None)
    assert Limits.parse({}).export() == {}


def test_time_outs_have_defaults() -> None:
    assert Timeouts.parse({}) == Timeouts(start=30, ready=30, stop=30)
    assert Timeouts.parse({"ready": 30, "stop": 31}).export() == {"stop": 31}


@pytest.mark.parametrize(
    "data",
    [
        {"memory_bytes": 4 * 1024 * 1024, "cpus": 0.01, "pids": 1},
        {"memory_bytes": 2**60, "cpus": 1024, "pids": 4_194_304},
        {"cpus": 2},
        {"cpus": 1.5, "pids": None},
    ],
)
def test_limits_survive_export(data: dict[str, Any]) -> None:
    limits = Limits.parse(data)
    assert limits.export() == {key: value for key, value in data.items() if value is not None}
    assert Limits.parse(limits.export()) == limits


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("memory_bytes", 4 * 1024 * 1024 - 1, "must be at least 4194304"),
        ("memory_bytes", 2**63, "must be at most 1152921504606846976"),
        ("memory_bytes", 10**400, "must be at most 1152921504606846976"),
        ("memory_bytes", 5e6, "must be a whole number"),
        ("memory_bytes", "5000000", "must be a whole number"),
        ("memory_bytes", True, "must be a whole number"),
        ("cpus", 0, "must be at least 0.01"),
        ("cpus", -1, "must be at least 0.01"),
        ("cpus", 1024.1, "must be at most 1024.0"),
        ("cpus", float("nan"), "must be a number"),
        ("cpus", float("inf"), "must be a number"),
        ("cpus", "1", "must be a number"),
        ("cpus", True, "must be a number"),
        ("pids", 0, "must be at least 1"),
        ("pids", 2**31, "must be at most 4194304"),
        ("pids", 1.5, "must be a whole number"),
        ("disk_bytes", 1, "is not a known key"),
    ],
)
def test_a_wrong_limit_is_named(key: str, value: object, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Limits.parse({key: value})
    assert caught.value.errors == (FieldError(f"limits.{key}", message),)


@pytest.mark.parametrize("key", ["start", "ready", "stop"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "must be at least 1"),
        (86_401, "must be at most 86400"),
        (None, "must be a whole number"),
        (1.0, "must be a whole number"),
        ("30", "must be a whole number"),
    ],
)
def test_a_wrong_time_out_is_named(key: str, value: object, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Timeouts.parse({key: value})
    assert caught.value.errors == (FieldError(f"timeouts.{key}", message),)


def test_all_errors_come_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Limits.parse({"cpus": 0, "pids": 0}, field="containers.web.limits")
    assert [error.field for error in caught.value.errors] == ["containers.web.limits.cpus", "containers.web.limits.pids"]
