"""Base systems: every value becomes a word of a command line, and none of them two or an option."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.bootstrap import BaseSystem, Tool, argv, mirror_of
from containers.errors import InvalidRequest


def parse(**values: Any) -> BaseSystem:
    return BaseSystem.validate_as(values, field="")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("suite", value)
            for value in ("", "-x", "--help", "a b", "a/../b", "bookworm\n", "Bookworm", "a" * 50, "a,b", 5, None)
        ),
        *(("variant", value) for value in ("", "apt", "custom", None, 5)),
        *(
            ("packages", value)
            for value in (["-x"], ["a,b"], ["a b"], ["/etc/passwd"], ["./x.deb"], [""], ["A"], "vim", ["vim"] * 201)
        ),
        *(
            ("mirror", value)
            for value in ("", "ftp://x/", "file:///etc", "http://", "http://u:p@x/", "http://x/?q", "http://x/#f", "http://x y/")
        ),
        *(("mirror", value) for value in ("http://x:99999/", "http://x/\n", "-http://x/", "http://x/" + "a" * 600, "copy:/etc")),
        *(("tool", value) for value in ("", "bash", "/bin/sh")),
        ("key", "x"),
    ],
)
def test_what_is_no_such_value_is_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(**{field: value})
    assert caught.value.errors[0].field.split(".")[0] == field


def test_the_smallest_system_needs_nothing() -> None:
    assert parse().model_dump(mode="json") == {
        "suite": "stable",
        "variant": "minbase",
        "packages": [],
        "mirror": None,
        "tool": None,
    }


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (
            Tool.MMDEBSTRAP,
            [
                "mmdebstrap",
                "--mode=root",
                "--variant=important",
                "--format=directory",
                "--include=vim,g++-12",
                "bookworm",
                "/t",
                "http://m/",
            ],
        ),
        (
            Tool.DEBOOTSTRAP,
            ["/usr/bin/env", "container=lxc", "debootstrap", "--include=vim,g++-12", "bookworm", "/t", "http://m/"],
        ),
    ],
)
def test_both_tools_are_told_the_same(tool: Tool, expected: list[str]) -> None:
    system = parse(suite="bookworm", variant="important", packages=["vim", "g++-12"])
    assert argv(tool, system, "http://m/", "/t") == expected
    assert "--variant=minbase" in argv(tool, parse(), "http://m/", "/t")


@given(st.text(), st.lists(st.text(), max_size=3), st.text())
def test_no_text_gets_through_that_is_an_option_or_has_two_parts(suite: str, packages: list[str], mirror: str) -> None:
    try:
        system = parse(suite=suite, packages=packages, mirror=mirror)
    except InvalidRequest:
        return
    for word in (system.suite, *system.packages, system.mirror or "x"):
        assert word[0] != "-"
        assert not set(word) & set(" ,\n\t'\"$`;|&\\@")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deb http://deb.debian.org/debian bookworm main\n", "http://deb.debian.org/debian"),
        (
            "# deb http://old/debian x\ndeb [signed-by=/k arch=amd64] https://m.example/debian/ bookworm main",
            "https://m.example/debian/",
        ),
        (
            "Types: deb\nURIs: http://deb.debian.org/debian-security http://deb.debian.org/debian\n",
            "http://deb.debian.org/debian",
        ),
        ("deb http://security.debian.org/debian-security bookworm main", None),
        ("deb https://user:pw@mirror.example/debian bookworm main", None),
        ("deb file:/srv/debian bookworm main", None),
        ("", None),
        ("deb\nURIs:\n\x00", None),
    ],
)
def test_the_hosts_own_mirror_is_found(text: str, expected: str | None) -> None:
    assert mirror_of(text) == expected


@given(st.text())
def test_any_text_is_read_as_a_source(text: str) -> None:
    assert mirror_of(text) is None or mirror_of(text).startswith("http")
