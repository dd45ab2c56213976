"""What is kept of a command's output."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from containers.host.output import MASK, Output

REFUSED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def lines(*chunks: bytes, cap: int = 65_536, secrets: tuple[str, ...] = ()) -> list[str]:
    output = Output(cap, secrets)
    handed_out = [line for chunk in chunks for line in output.feed(chunk)]
    handed_out += output.finish()
    assert output.text.replace("\n", "") == "".join(handed_out)
    return handed_out


def test_lines_come_as_they_are_complete() -> None:
    output = Output(65_536)

    assert output.feed(b"a\nb") == ["a"]
    assert output.feed(b"c\n\nd") == ["bc", ""]
    assert output.finish() == ["d"]


def test_line_ends_of_all_kinds_are_one_even_in_two_pieces() -> None:
    assert lines(b"a\r", b"\nb\rc\r\nd") == ["a", "b", "c", "d"]


def test_colours_and_control_characters_go() -> None:
    assert lines(b"\x1b[31mred\x1b[0m\x00\x07 \xc2\x85\xe2\x80\xa8ok\t.") == ["red ok\t."]


def test_what_is_no_text_is_replaced_and_split_letters_are_not() -> None:
    assert lines(b"\xff\xc3", b"\xbc") == ["\ufffdü"]


def test_the_middle_of_much_output_is_left_out_and_counted() -> None:
    data = b"".join(b"line %04d\n" % number for number in range(1000))

    found = lines(data[:3000], data[3000:], cap=200)

    assert found[:2] == ["line 0000", "line 0001"]
    assert found[-1] == "line 0999"
    [middle] = [line for line in found if "left out" in line]
    assert middle == f"… {len(data) - sum(len(line) + 1 for line in found if line != middle)} bytes left out …"


def test_one_endless_line_is_kept_in_pieces() -> None:
    found = lines(*[b"y" * 65_536] * 100, b"\nend\n", cap=1000)

    assert found[-1] == "end"
    assert sum(map(len, found)) < 1100


def test_a_long_line_is_one_line_in_the_text() -> None:
    """A program's JSON may be one."""
    output = Output(1_000_000)
    data = b"x" * 200_000 + b"\n" + b"y" * 200_000

    for start in range(0, len(data), 4096):
        output.feed(data[start : start + 4096])
    output.finish()

    assert output.text == data.decode()


def test_secrets_are_masked() -> None:
    assert lines(b"a hunter2 b\nhunt", b"er2", secrets=("hunter2", "")) == [f"a {MASK} b", MASK]


@given(st.integers(0, 3000), st.integers(1, 400), st.sampled_from([b"", b"\n", b"\n\n"]))
def test_no_part_of_a_secret_survives_wherever_the_borders_lie(before: int, step: int, end: bytes) -> None:
    secret = "correct-horse"
    data = b"." * before + secret.encode() * 3 + end + b"." * 5000 + secret.encode() + b"." * 20

    found = "\n".join(lines(*(data[i : i + step] for i in range(0, len(data), step)), cap=2000, secrets=(secret,)))

    assert not any(piece in found for piece in ("corr", "orre", "rect", "hors", "orse"))


@given(st.lists(st.binary(max_size=50), max_size=50), st.integers(2, 500))
def test_memory_is_bounded_and_every_line_is_printable(chunks: list[bytes], cap: int) -> None:
    found = lines(*chunks, cap=cap)

    assert not any(unicodedata.category(character) in REFUSED for line in found for character in line.replace("\t", ""))
    # A byte that is no text becomes one character.
    assert sum(map(len, found)) <= cap + 40
