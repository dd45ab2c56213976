"""References to images in registries: what becomes an argument of a program that root starts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.image import ImageRef
from containers.domain.reference import image_of, is_local, registry_reference
from containers.errors import InvalidRequest

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("reference", "name", "version"),
    [
        ("debian", "debian", "latest"),
        ("debian:12", "debian", "12"),
        ("docker.io/library/debian:12-slim", "debian", "12-slim"),
        ("localhost:5000/team/web_app:1.2", "web_app", "1.2"),
        ("registry.example.org/a/b/c", "c", "latest"),
        ("[::1]:5000/web", "web", "latest"),
        (f"debian@{DIGEST}", "debian", "latest"),
    ],
)
def test_references_are_taken_and_give_the_image_its_name(reference: str, name: str, version: str) -> None:
    assert registry_reference(reference) == reference
    assert image_of(reference) == ImageRef(name, version)


@pytest.mark.parametrize(
    "reference",
    [
        *("", "-x", "--debug", "Debian", "a b", "a\n", "debian:", ":12", "a//b", "/a", "a/", "https://x/y", "docker://x", "a@b"),
        *("debian@sha256:12", f"debian:12@{DIGEST}", "user:pw@host/a", "../a", "a/../b", "a:" + "x" * 200, "a" * 301, "é"),
    ],
)
def test_everything_else_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="must|longer"):
        registry_reference(reference)


@given(st.text())
def test_no_text_gets_through_that_could_be_an_option_or_two_words(text: str) -> None:
    try:
        registry_reference(text)
    except ValueError:
        return
    assert text.isascii()
    assert text[0] not in "-/"
    assert not set(text) & set(" \t\n\"'$`;|&<>?*\\")


def test_a_name_that_cannot_be_used_here_asks_for_another() -> None:
    with pytest.raises(InvalidRequest, match="give it another"):
        image_of("host/web:_odd_")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("localhost:5000/a", True),
        ("127.0.0.1/a", True),
        ("[::1]:5/a", True),
        ("localhost.evil.org/a", False),
        ("localhost", False),
    ],
)
def test_only_registries_on_this_machine_need_no_encryption(reference: str, expected: bool) -> None:
    assert is_local(reference) is expected
