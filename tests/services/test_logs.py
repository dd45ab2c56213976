"""The end of a console log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from containers.services import logs


@pytest.fixture(autouse=True)
def log(settings: Any, tmp_path: Path) -> Path:
    settings.LOG_DIR = tmp_path
    return tmp_path / "web.log"


def test_no_log_is_empty() -> None:
    assert logs.tail("web") == ""


def test_a_log_is_read_without_terminal_sequences(log: Path) -> None:
    log.write_bytes(b"one\r\n\x1b[31mtw\xc3\xa9\x1b[0m\x00\n\xffend")
    assert logs.tail("web") == "one\ntwé\n�end"


def test_only_the_end_is_read_from_a_whole_line_on(log: Path) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert logs.tail("web", 20) == "line 98\nline 99\n"


def test_links_and_other_kinds_of_files_are_not_followed(log: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    log.symlink_to(secret)
    assert logs.tail("web") == ""
    log.unlink()
    log.mkdir()
    assert logs.tail("web") == ""


def test_a_pipe_does_not_hang(log: Path) -> None:
    os.mkfifo(log)
    assert logs.tail("web") == ""


def test_a_name_that_leads_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="."):
        logs.tail("../web")


# --- following ---


def follow(name: str = "web") -> logs.Piece:
    return logs.last(name, logs.MOST_LINES)


def test_the_last_lines_come_with_the_place_to_go_on_from(log: Path) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(100)) + "prompt> ")
    piece = logs.last("web", 2)
    assert (piece.lines, piece.rest, piece.is_new) == (("line 98", "line 99"), "prompt> ", False)


def test_what_is_new_follows_on(log: Path) -> None:
    log.write_text("one\ntwo\nhal")
    piece = follow()
    assert logs.after("web", piece.position) == piece.__class__((), "hal", piece.position, is_new=False)
    with log.open("a") as stream:
        stream.write("f\nthree\n")
    news = logs.after("web", piece.position)
    assert (news.lines, news.rest, news.is_new) == (("half", "three"), "", False)
    assert logs.after("web", news.position).lines == ()


def test_an_escape_sequence_that_is_written_in_two_goes_does_not_get_through(log: Path) -> None:
    log.write_bytes(b"a\x1b[3")
    piece = follow()
    with log.open("ab") as stream:
        stream.write(b"1mred\x1b[0m\n")
    assert logs.after("web", piece.position).lines == ("ared",)


@pytest.mark.parametrize("longer", [False, True])
def test_a_log_that_was_emptied_begins_anew(log: Path, longer: bool) -> None:
    log.write_text("one\ntwo\n")
    piece = follow()
    with log.open("r+") as stream:
        stream.truncate(0)
        stream.write("fresh\n" * (10 if longer else 1))
    news = logs.after("web", piece.position)
    assert news.is_new
    assert set(news.lines) == {"fresh"}


def test_a_log_that_was_replaced_begins_anew(log: Path) -> None:
    log.write_text("one\n")
    piece = follow()
    log.rename(log.with_suffix(".old"))
    log.write_text("one\ntwo\n")
    assert logs.after("web", piece.position).is_new


def test_a_log_that_is_gone_is_empty_and_its_follower_goes_on_when_it_comes_back(log: Path) -> None:
    log.write_text("one\n")
    piece = follow()
    log.unlink()
    gone = logs.after("web", piece.position)
    assert gone == logs.NOTHING
    log.write_text("two\n")
    assert logs.after("web", gone.position).lines == ("two",)


def test_one_look_is_bounded(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PIECE_BYTES", 100)
    log.write_text("begin\n")
    piece = follow()
    with log.open("a") as stream:
        stream.writelines(f"line {number}\n" for number in range(1000))
    news = logs.after("web", piece.position)
    assert news.is_new
    assert news.lines[-1] == "line 999"
    assert 1 < len(news.lines) < 12


@pytest.mark.parametrize(
    "text", ["x", "1-2", "1-2-3-4", "-1-0-0", "1-99999999999999999999-0", "1-9223372036854775807-0", "٣-0-0", "1-0-0\n"]
)
def test_a_place_that_is_none_begins_anew(log: Path, text: str) -> None:
    log.write_text("one\n")
    news = logs.after("web", text)
    assert (news.lines, news.is_new) == (("one",), True)


def test_a_search_leaves_what_holds_the_words_in_any_case(log: Path) -> None:
    log.write_bytes(b"an Error\nfine\ner\x1b[1mror again\nfine\n")
    assert logs.last("web", 10, "error").lines == ("an Error", "error again")
    assert logs.last("web", 1, "ERROR").lines == ("error again",)
    assert logs.after("web", "", "fine").lines == ("fine", "fine")


def test_of_a_log_without_end_no_more_than_its_end_is_read(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 50)
    log.write_text("".join(f"line {number}\n" for number in range(1000)))
    assert logs.last("web", 1000).lines[0] == "line 995"


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_a_follower_sees_what_a_late_reader_sees(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    directory = tmp_path_factory.mktemp("log")
    with override_settings(LOG_DIR=directory):
        log = directory / "web.log"
        log.touch()
        position, seen, rest = follow().position, [], ""
        for piece in pieces:
            with log.open("ab") as stream:
                stream.write(piece)
            news = logs.after("web", position)
            assert not news.is_new
            position, rest = news.position, news.rest
            seen += news.lines
        whole = follow()
        assert (tuple(seen), rest) == (whole.lines, whole.rest)
        assert all(line.isprintable() or "\t" in line for line in seen)
