"""Names of files as text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.text import check_text
from containers.domain.tree import path_bytes, path_text
from containers.errors import InvalidRequest

NAMES = st.binary(min_size=1, max_size=60).map(lambda name: name.replace(b"\0", b"0").replace(b"/", b"_"))


@given(st.lists(NAMES.filter(lambda name: name not in (b".", b"..")), min_size=1, max_size=4))
def test_any_path_is_text_that_everybody_can_read_and_comes_back_unchanged(names: list[bytes]) -> None:
    text = path_text(b"/".join(names))
    assert check_text(text) == text
    assert path_bytes(text) == tuple(names)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"etc/passwd", "etc/passwd"),
        ("é 中".encode(), "é 中"),
        (b"a\\b", "a\\\\b"),
        (b"a\nb", "a\\x0ab"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202ecod.exe".encode(), "\\xe2\\x80\\xaecod.exe"),
        (b"\x1b[2J", "\\x1b[2J"),
        (b"\\x41", "\\\\x41"),
    ],
)
def test_what_cannot_be_seen_is_written_as_its_bytes(path: bytes, text: str) -> None:
    assert path_text(path) == text
    assert b"/".join(path_bytes(text)) == path


@pytest.mark.parametrize(("text", "names"), [("", ()), ("/", ()), ("/etc/", (b"etc",)), ("\\x2e\\x2fa", None)])
def test_the_top_and_slashes_around_a_path_go(text: str, names: tuple[bytes, ...] | None) -> None:
    if names is None:
        with pytest.raises(InvalidRequest):
            path_bytes(text)
    else:
        assert path_bytes(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "a/../b",
        "/..",
        ".",
        "a//b",
        "\\x2e\\x2e",
        "a\\x00b",
        "a\\",
        "\\x4",
        "\\xZZ",
        "\\xAB",
        "\\n",
        "a\x00b",
        "a\nb",
        "a\ud800",
        "x" * 256,
        "a/" * 2100,
        "a" * 20_000,
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        path_bytes(text)
    assert caught.value.errors[0].field == "path"


@given(st.text(max_size=300))
def test_no_text_is_anything_but_a_path_below_the_top_or_refused(text: str) -> None:
    try:
        names = path_bytes(text)
    except InvalidRequest:
        return
    assert not {b"", b".", b".."} & set(names)
    assert not any(b"/" in name or b"\0" in name for name in names)
