"""Two changes of one object, put together without a loss."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.merge import changed, flat, merge, taken

BASE = {"text": "old", "env": {"A": "1", "B": "2"}, "layers": ["a"]}


@pytest.mark.parametrize(
    ("theirs", "mine", "merged"),
    [
        (BASE, BASE, BASE),
        ({**BASE, "text": "new"}, BASE, {**BASE, "text": "new"}),
        (BASE, {**BASE, "text": "new"}, {**BASE, "text": "new"}),
        # Different keys of one object are different fields, a list is one.
        ({**BASE, "env": {"A": "9", "B": "2"}}, {**BASE, "env": {"A": "1", "C": "3"}}, {**BASE, "env": {"A": "9", "C": "3"}}),
        ({**BASE, "layers": ["a", "b"]}, {**BASE, "layers": ["c"]}, {**BASE, "layers": ["c"]}),
        # What they removed goes, unless I changed it.
        ({"text": "old"}, BASE, {"text": "old"}),
        ({"text": "old"}, {**BASE, "layers": ["z"]}, {"text": "old", "layers": ["z"]}),
        ({**BASE, "text": "same"}, {**BASE, "text": "same"}, {**BASE, "text": "same"}),
    ],
)
def test_merge(theirs: dict[str, Any], mine: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge(BASE, theirs, mine) == merged


def test_what_changed_is_told_in_order() -> None:
    theirs = {"text": "new", "env": {"A": "1", "C": "3"}, "layers": ["a"]}
    assert changed(BASE, theirs) == [("text",), ("env", "C"), ("env", "B")]
    assert taken(BASE, ("env", "C"), theirs)["env"] == {"A": "1", "B": "2", "C": "3"}
    assert taken(BASE, ("env", "B"), theirs)["env"] == {"A": "1"}
    assert taken(BASE, ("no", "such"), theirs) == BASE


objects = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2) | st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2)))


@given(objects, objects)
def test_a_change_alone_is_what_comes_out(base: dict[str, Any], other: dict[str, Any]) -> None:
    assert flat(merge(base, other, base)) == flat(other)
    assert flat(merge(base, base, other)) == flat(other)
