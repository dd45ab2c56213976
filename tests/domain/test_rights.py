"""What a right reaches."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers import choices
from containers.domain import rights
from containers.domain.rights import PERMISSIONS, RIGHT_OF, RIGHTS, ROLES, Scope, right_of
from containers.domain.states import Operation

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
PATTERNS = st.text("abz*?-0", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("pattern", "app", "name", "covered"),
    [
        ("*", "", "shop", True),
        ("shop", "", "shop", True),
        ("shop", "", "shop-db", False),
        ("shop-*", "", "shop-db", True),
        ("shop-*", "", "shop", False),
        ("s?op", "", "shop", True),
        ("*", "shop", "shop", True),
        ("*", "shop", "shop-db", True),
        ("*", "shop", "shopping", False),
        ("*-db", "shop", "shop-db", True),
        ("*-db", "shop", "shop-web", False),
        ("", "", "shop", False),
    ],
)
def test_what_a_scope_covers(pattern: str, app: str, name: str, covered: bool) -> None:
    assert Scope(pattern, app).covers(name) is covered


@given(pattern=PATTERNS, app=st.one_of(st.just(""), NAMES), name=NAMES)
def test_the_database_is_asked_the_same(pattern: str, app: str, name: str) -> None:
    scope = Scope(pattern, app)
    assert bool(re.search(scope.regex, name)) is scope.covers(name)


@given(name=NAMES, scope=st.builds(Scope, pattern=PATTERNS))
def test_what_is_everywhere_leaves_nothing_out(name: str, scope: Scope) -> None:
    assert not scope.is_everywhere or scope.covers(name)


@pytest.mark.parametrize("pattern", ["", "A", "a/b", "[a]", "a b", "ä", "a\n", "x" * 64])
def test_a_pattern_has_the_letters_of_a_name(pattern: str) -> None:
    assert not rights.is_pattern(pattern)


@pytest.mark.parametrize("operation", list(Operation))
def test_every_kind_of_job_takes_a_right(operation: Operation) -> None:
    assert RIGHT_OF[operation] in RIGHTS
    assert RIGHT_OF[operation] not in ("view", "users", "audit", "terminal")


@pytest.mark.parametrize(("inputs", "right"), [({}, "operate"), ({"command": None}, "operate"), ({"command": ["sh"]}, "execute")])
def test_to_start_something_else_is_to_execute_it(inputs: dict[str, Any], right: str) -> None:
    assert right_of(Operation.START, inputs) == right


def test_one_list_of_rights() -> None:
    assert tuple(choices.Right) == RIGHTS
    assert {right for some in (*ROLES.values(), *PERMISSIONS.values()) for right in some} == set(RIGHTS)
