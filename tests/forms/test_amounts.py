from __future__ import annotations

import pytest

from containers.forms import amounts


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("536870912", 2**29),
        ("512 MiB", 2**29),
        ("512m", 2**29),
        ("512MB", 2**29),
        (" 1.5 GiB ", 3 * 2**29),
        ("1,5g", 3 * 2**29),
        ("2T", 2**41),
        ("7 B", 7),
        ("999999999999999999", 999_999_999_999_999_999),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, value: int) -> None:
    assert amounts.parse(text) == value


@pytest.mark.parametrize("text", ["", "much", "-1", "1e9", "1 XiB", "0x10", "５１２", "1 2", "1" * 19, "1..5", "512 MiB\n1"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 512 MiB"):
        amounts.parse(text)


@pytest.mark.parametrize(
    ("value", "short", "exact"),
    [
        (0, "0 B", "0 B"),
        (1_000, "1000 B", "1000 B"),
        (1536, "1.5 KiB", "1536 B"),
        (2**29, "512 MiB", "512 MiB"),
        (3 * 2**29, "1.5 GiB", "1536 MiB"),
    ],
)
def test_amounts_are_written_short_and_exact(value: int, short: str, exact: str) -> None:
    assert amounts.size(value) == short
    assert amounts.exact(value) == exact
    assert amounts.parse(exact) == value
