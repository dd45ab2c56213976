"""The end of a console log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

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
