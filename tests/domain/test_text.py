from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.text import check_text, shown, strip_controls
from tests.domain.samples import INVISIBLE, point

REFUSED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize("character", INVISIBLE, ids=point)
def test_an_invisible_character_is_refused_by_its_number(character: str) -> None:
    with pytest.raises(ValueError, match=point(character).replace("+", r"\+")):
        check_text(f"before{character}after")


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\u202e"], ids=point)
def test_control_characters_are_called_so(character: str) -> None:
    with pytest.raises(ValueError, match=r"^contains a control character \(U\+[0-9A-F]{4}\)$"):
        check_text(character)


@given(st.characters())
def test_the_category_alone_decides(character: str) -> None:
    if unicodedata.category(character) in REFUSED:
        with pytest.raises(ValueError, match="contains"):
            check_text(character)
    else:
        assert check_text(character) == character


@pytest.mark.parametrize("text", ["", "plain", "größer 日本語 🎉", "no\u00a0break", "\u3000wide", 'quotes " and \\ and #'])
def test_what_can_be_seen_or_is_a_space_passes_unchanged(text: str) -> None:
    assert check_text(text) == text


def test_length_is_counted_in_characters() -> None:
    assert check_text("ü" * 10, max_length=10)
    with pytest.raises(ValueError, match="is longer than 10 characters"):
        check_text("ü" * 11, max_length=10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain", "plain"), ("a\nb", "a<U+000A>b"), ("\ud800", "<U+D800>"), ("x" * 100, "x" * 60 + "…")],
)
def test_a_value_in_a_message_is_short_and_on_one_line(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("plain\ttext\nnext\n", "plain\ttext\nnext\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[?25l\x1b[2J\x1b[10;20Hdrawn", "drawn"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r0m\x1b\\text", "text"),
        ("\x1b]never ended\nnext line", "\nnext line"),
        ("\x1b(Btext\x1bM\x1b7", "text"),
        ("text\x1b", "text"),
        ("a\r\nb", "a\nb"),
        ("10 %\r20 %\rdone", "10 %\n20 %\ndone"),
        ("bell\x07 back\x08 null\0 del\x7f", "bell back null del"),
        ("\u202eright to left\u2066", "right to left"),
        ("line\u2028separator\x85next", "lineseparatornext"),
        ("\ud800half", "half"),
        ("größer\u00a0日本語", "größer\u00a0日本語"),
    ],
)
def test_output_is_stripped_of_what_a_terminal_would_act_on(output: str, expected: str) -> None:
    assert strip_controls(output) == expected


@given(st.text(st.one_of(st.characters(), st.sampled_from("\x1b[]\x07\\\n\r\t;0m\x9b"))))
def test_stripped_output_is_clean_and_stays_as_it_is(text: str) -> None:
    stripped = strip_controls(text)
    assert all(character in "\n\t" or unicodedata.category(character) not in REFUSED for character in stripped)
    assert strip_controls(stripped) == stripped
