"""`manage.py audit`: what it says, and how it ends."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from containers.models import Event
from tests.support.audit import tamper, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def audit(tmp_path: Path, settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "repository").mkdir()
    (django_settings.RUN_DIR / "locks").mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.DATA_DIR = settings.LOG_DIR = tmp_path

    def run(*argv: str) -> list[str]:
        call_command("audit", *argv, no_color=True)
        return capsys.readouterr().out.splitlines()

    return run


def test_a_trail_in_order(audit: Callable[..., list[str]]) -> None:
    write(3)
    (line,) = audit("verify")
    assert line.startswith("3 events, the last is 3 ")


def test_what_is_wrong_is_printed_and_the_exit_code_says_so(
    audit: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    write(4)
    tamper("DELETE FROM containers_event WHERE id = 2")
    tamper("UPDATE containers_event SET subject = 'y' WHERE id = 4")
    with pytest.raises(CommandError, match="2 findings") as error:
        audit("verify")
    assert error.value.returncode == 1
    assert capsys.readouterr().out.splitlines()[:2] == ["event 2 is missing", "event 4 has been changed"]


def test_a_checkpoint_kept_elsewhere_finds_what_the_host_has_lost(
    audit: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    write(3)
    audit("checkpoint", str(elsewhere))
    (printed,) = audit("checkpoint", "-")
    assert json.loads(printed)["event"] == 3
    tamper("DELETE FROM containers_event WHERE id = 3")
    (tmp_path / "audit-checkpoints.jsonl").unlink()
    assert audit("verify")[0].startswith("2 events")
    with pytest.raises(CommandError):
        audit("verify", "--checkpoints", str(elsewhere))
    assert "event 3 is missing at the end" in capsys.readouterr().out.replace("events 3 to 3 are", "event 3 is")


def test_what_is_broken_is_not_signed_unless_one_says_so(audit: Callable[..., list[str]], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is empty"):
        audit("checkpoint", "-")
    write(3)
    tamper("UPDATE containers_event SET subject = 'y' WHERE id = 2")
    with pytest.raises(CommandError, match="not what was written"):
        audit("checkpoint", "-")
    assert json.loads(audit("checkpoint", "--anyway", "-")[-1])["event"] == 3


def test_a_line_that_is_no_checkpoint_is_a_finding(audit: Callable[..., list[str]], tmp_path: Path) -> None:
    write(1)
    (tmp_path / "other").write_text("{}\n")
    with pytest.raises(CommandError, match="1 findings"):
        audit("verify", "--checkpoints", str(tmp_path / "other"))


def test_an_export_is_recorded_and_has_what_was_asked_for(audit: Callable[..., list[str]]) -> None:
    write(3)
    write(1, "sign-in")
    lines = audit("export", "--format", "jsonl", "--kind", "demo.create")
    assert [json.loads(line)["subject"] for line in lines] == ["thing-0", "thing-1", "thing-2"]
    table = list(csv.DictReader(io.StringIO("\n".join(audit("export", "--format", "csv", "--kind", "audit.export")))))
    assert [row["via"] for row in table] == ["cli"]
    assert Event.objects.filter(kind="audit.export").first().data == {"format": "csv", "query": {"kind": "audit.export"}}
