"""JSON from outside."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.errors import Malformed
from containers.services.documents import load_json


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{nope}",
        b"NaN",
        b'{"a": Infinity}',
        b"-Infinity",
        b'{"a": 1, "a": 2}',
        b'{"x": {"a": 1, "a": 2}}',
        b"\xff\xfe{\x00}\x00",
        b'"\xff"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        "\ufeff{}",
    ],
)
def test_what_is_not_json_is_refused_in_one_line(raw: bytes | str) -> None:
    with pytest.raises(Malformed) as caught:
        load_json(raw)
    assert str(caught.value).startswith("This is not JSON: ")
    assert "\n" not in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_reads_back(value: Any) -> None:
    assert load_json(json.dumps(value)) == value
    assert load_json(json.dumps(value).encode()) == value


@given(st.binary())
def test_any_bytes_are_json_or_refused(raw: bytes) -> None:
    try:
        load_json(raw)
    except Malformed:
        return
