"""A secret is found however a program writes it."""

from __future__ import annotations

import base64
import html
import json
import shlex
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain.secrecy import MASK, SHORTEST, Masker
from containers.domain.spellings import spellings

SECRET = "p@ss<w>'ö\"/ r?~>"  # noqa: S105

secrets = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=SHORTEST)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps({"a": SECRET}),
        json.dumps({"a": SECRET}, ensure_ascii=False),
        html.escape(f"<p title={SECRET}>"),
        f"postgres://me:{quote(SECRET, safe='')}@db/shop",
        urlencode({"a": SECRET}),
        shlex.join(["login", f"-p{SECRET}"]),
        base64.b64encode(f"me:{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(f"me:{SECRET}:".encode()).decode(),
    ],
)
def test_a_secret_is_hidden_in_each_spelling(written: str) -> None:
    hidden = Masker([SECRET]).mask(written)
    assert MASK in hidden
    assert not any(spelling in hidden for spelling in spellings(SECRET))


@given(secrets, st.binary(max_size=7), st.binary(max_size=7))
def test_within_base64_it_is_found_wherever_it_stands(secret: str, before: bytes, after: bytes) -> None:
    written = base64.b64encode(before + secret.encode() + after).decode()
    left = Masker([secret]).mask(written).split(MASK)
    assert len(left) > 1
    # Beside what is around it, no more than the two characters that it shares with that.
    assert len(left[0]) <= (8 * len(before) + 5) // 6
    assert len(left[-1]) <= (8 * len(after) + 5) // 6 + 3


@given(secrets)
def test_a_spelling_says_what_was_said(secret: str) -> None:
    assert secret in spellings(secret)
    assert all(len(spelling) >= SHORTEST for spelling in spellings(secret))


def test_what_no_text_can_hold_stops_nothing() -> None:
    assert Masker(["lone \udc80 half"]).mask("a lone \udc80 half") == f"a {MASK}"
