"""Where root signed the trail last, as pages say it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.utils import timezone

from containers.domain.layout import Layout
from containers.host import directories
from containers.jobs.auditing import Keeper
from containers.models import Event
from containers.services import audit_signed
from tests.support import rows
from tests.support.audit import write
from tests.support.html import parse
from tests.views.conftest import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(settings: Any, tmp_path: Path) -> Keeper:
    """Root, with a log directory of its own."""
    settings.DATA_DIR, settings.LOG_DIR = tmp_path / "data", tmp_path / "log"
    settings.STATIC_ROOT = tmp_path
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    layout = Layout(data_dir=settings.DATA_DIR, log_dir=settings.LOG_DIR, run_dir=settings.RUN_DIR)
    directories.ensure_layout(layout, web_gid=0, idmap_base=django_settings.IDMAP_BASE)
    return Keeper(layout)


def later(monkeypatch: pytest.MonkeyPatch, **more: float) -> None:
    monkeypatch.setattr(audit_signed, "LATE", audit_signed.LATE - timedelta(**more))


def test_what_root_signed_is_what_is_said(keeper: Keeper) -> None:
    assert audit_signed.last() == audit_signed.Signed()
    write(3)
    assert audit_signed.last().waiting_since == Event.objects.earliest("id").at
    keeper.sign()
    found = audit_signed.last()
    assert (found.event, found.waiting_since, found.is_late) == (3, None, False)
    assert found.at is not None
    assert abs(timezone.now() - found.at) < timedelta(minutes=1)


def test_it_is_late_when_what_was_written_waits_long(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    write(1)
    keeper.sign()
    write(1)
    assert not audit_signed.last().is_late
    later(monkeypatch, minutes=6)
    assert audit_signed.last().is_late
    assert audit_signed.last().waiting_since == Event.objects.latest("id").at
    keeper.sign()
    # However long nothing is written: there is nothing to be signed.
    assert not audit_signed.last().is_late


NOTHING = [
    b"",
    b"\n",
    b'{"event":',
    b"[]\n",
    b'{"event":"x","at":"y"}\n',
    b'{"event":1,"at":"2026-13-01T00:00:00+00:00"}\n',
    b'{"event":0,"at":"2026-11-01T00:00:00+00:00"}\n',
    b"\xff\n",
]


@pytest.mark.parametrize("text", NOTHING)
def test_a_file_that_says_nothing_counts_as_none(keeper: Keeper, text: bytes) -> None:
    keeper.path.write_bytes(text)
    assert audit_signed.last() == audit_signed.Signed()


def test_a_long_file_is_read_from_its_end_and_half_a_line_does_not_count(keeper: Keeper) -> None:
    write(1)
    keeper.sign()
    line = keeper.path.read_bytes()
    keeper.path.write_bytes(line * 100 + line[:50])
    assert audit_signed.last().event == 1


def test_a_link_is_not_followed(keeper: Keeper, tmp_path: Path) -> None:
    write(1)
    keeper.sign()
    keeper.path.rename(tmp_path / "elsewhere")
    keeper.path.symlink_to(tmp_path / "elsewhere")
    assert audit_signed.last().at is None


def test_both_pages_say_so(keeper: Keeper, admin: User, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    rows.host()
    write(2)
    keeper.sign()
    client = signed_in(admin)
    assert "event 2" in parse(client.get("/audit/")).one(id="signed").text
    write(1)
    later(monkeypatch, minutes=6)
    assert "is not signed" in parse(client.get("/audit/")).one(id="signed").text
    assert "has not been signed for a while" in parse(client.get("/")).one(id="attention").text
    assert "signed" not in parse(signed_in(operator).get("/")).one(id="attention").text
