"""Frames between the web process and the session server."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.domain import frames
from containers.domain.frames import DATA, MAX_PAYLOAD, TEXT, Frame, Reader
from containers.errors import Malformed

FRAMES = st.lists(st.builds(Frame, st.sampled_from([TEXT, DATA]), st.binary(max_size=300)), max_size=5)


@given(FRAMES, st.lists(st.integers(0, 1500), max_size=8))
def test_frames_are_put_together_from_any_pieces(sent: list[Frame], cuts: list[int]) -> None:
    wire = b"".join(frame.encode() for frame in sent)
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    reader = Reader()
    assert [frame for low, high in itertools.pairwise(edges) for frame in reader.feed(wire[low:high])] == sent


@given(st.binary(max_size=200))
def test_whatever_is_fed_is_frames_or_refused(wire: bytes) -> None:
    try:
        found = Reader().feed(wire)
    except Malformed:
        return
    assert wire.startswith(b"".join(frame.encode() for frame in found))


@pytest.mark.parametrize("wire", [b"X\0\0\0\1a", b"T\0\1\0\1", b"D\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n"])
def test_what_can_become_no_frame_is_refused_before_it_is_read(wire: bytes) -> None:
    with pytest.raises(Malformed):
        Reader().feed(wire)


def test_bytes_are_sent_in_frames_of_a_bounded_size() -> None:
    content = bytes(range(256)) * 1000
    found = Reader().feed(frames.data(content))
    assert [len(frame.payload) for frame in found] == [MAX_PAYLOAD] * 3 + [256_000 - 3 * MAX_PAYLOAD]
    assert b"".join(frame.payload for frame in found) == content
    with pytest.raises(ValueError, match="a frame of 65537 bytes"):
        Frame(DATA, content[: MAX_PAYLOAD + 1]).encode()


def test_a_text_frame_holds_an_object() -> None:
    (frame,) = Reader().feed(frames.text({"resize": [80, 24]}))
    assert frame.message == {"resize": [80, 24]}


@pytest.mark.parametrize("payload", [b"", b"[]", b"1", b"null", b'"x"', b"{", b"\xff", b"{}}", b"[" * 60_000])
def test_other_text_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        _ = Frame(TEXT, payload).message
    with pytest.raises(Malformed):
        _ = Frame(DATA, b"{}").message
