"""Several processes that write into one audit trail: one chain, whoever came first."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITERS, EACH = 3, 25
WRITE = f"""
from django.db import transaction
from containers.choices import Via
from containers.services import audit
from containers.services.actor import Actor
for number in range({EACH}):
    with transaction.atomic():
        audit.record(Actor(None, Via.SYSTEM), "demo.create", str(number), {{}})
"""


def manage(*argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "manage.py", *argv], cwd=ROOT, text=True, stderr=subprocess.PIPE)


def test_many_who_write_at_once_make_one_chain(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "db.sqlite3"
    (tmp_path / "uploads").mkdir()
    monkeypatch.setitem(os.environ, "SPOCWEB_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(os.environ, "SPOCWEB_DATABASE_URL", f"sqlite:///{file}")
    with manage("migrate", "--verbosity", "0") as migration:
        assert migration.wait() == 0, migration.stderr.read()
    writers = [manage("shell", "-v", "0", "-c", WRITE) for _ in range(WRITERS)]
    for writer in writers:
        with writer:
            assert writer.wait() == 0, writer.stderr.read()
    with sqlite3.connect(file) as database:
        links = database.execute("SELECT id, previous, digest FROM containers_event ORDER BY id").fetchall()
    database.close()
    assert [number for number, _previous, _digest in links] == list(range(1, WRITERS * EACH + 1))
    assert [previous for _number, previous, _digest in links][1:] == [digest for _number, _previous, digest in links][:-1]
