"""The chain of the audit trail: one form for every value, and a digest that nothing leaves out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import chain

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


@given(values)
def test_what_is_storable_comes_back_as_it_was(value: object) -> None:
    stored = chain.storable(value)
    assert json.loads(chain.canonical(stored)) == stored
    assert chain.storable(stored) == stored


@given(values)
def test_what_is_storable_can_be_written_everywhere(value: object) -> None:
    text = json.dumps(chain.storable(value), ensure_ascii=False)
    text.encode()
    assert "\0" not in text
    assert "\\u0000" not in text


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (1e22, 10**22),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("a\0b\ud800", "a<U+0000>b<U+D800>"),
        ((1, 2), [1, 2]),
        ({3: {"b", "a"}}, {"3": ["a", "b"]}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00+00:00"),
    ],
)
def test_values_of_every_kind(value: object, stored: object) -> None:
    assert chain.storable(value) == stored


def test_minus_zero_is_zero() -> None:
    assert str(chain.storable(-0.0)) == "0.0"


def test_nothing_is_nested_without_end() -> None:
    value: list[object] = []
    for _ in range(5_000):
        value = [value]
    assert "…" in json.dumps(chain.storable(value), ensure_ascii=False)


def test_the_order_of_keys_is_no_matter_anything_else_is() -> None:
    base = chain.link(chain.GENESIS, {"a": 1, "b": 2})
    assert base == chain.link(chain.GENESIS, {"b": 2, "a": 1})
    others = [({"a": 1, "b": 3}, chain.GENESIS), ({"a": 1, "c": 2}, chain.GENESIS), ({"a": 1, "b": 2}, base)]
    assert base not in [chain.link(previous, contents) for contents, previous in others]


def test_a_moment_is_the_same_in_every_zone() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert chain.moment(at) == "2026-01-02T03:04:05.000000+00:00"
    assert chain.moment(at.astimezone(timezone(timedelta(hours=5)))) == chain.moment(at)
    assert chain.moment(None) is None
