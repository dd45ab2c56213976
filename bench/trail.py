"""The audit trail: what an event costs, and how long a check of a million takes, which has to find one changed byte."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.report import Figure, Report

MB = 1_000_000


def measure(*, events: int, jobs: int) -> Report:
    """Fill a trail of its own, beside the panel's, check it, change a byte, check it again."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="spocweb-bench-") as directory:
        base = Path(directory)
        environment = _environment(base)
        _run(environment, "manage.py", "migrate", "--verbosity", "0")
        each_ms, busy_ms = json.loads(_run(environment, "-m", "bench.trailing", str(events), str(jobs)))
        check = _verify(environment, code=0)
        changed = _verify(_tampered(base, events, environment), code=1)
    report.figures.append(Figure("an event, in a transaction of its own", f"{each_ms:.2f} ms", each_ms, 1, "ms"))
    name = f"`audit verify` of {events:,} events and {jobs:,} finished jobs with output"
    report.figures.append(
        Figure(name, f"{check.took_s:.1f} s, then {changed.took_s:.1f} s with a byte changed", check.took_s, 60, "s")
    )
    report.note("an event: of the processor alone", f"{busy_ms:.2f} ms")
    report.note("the check: of the processor alone, and memory", f"{check.busy_s:.1f} s, {check.memory_bytes / MB:.0f} MB")
    report.note("the check said", check.said)
    report.note("and with a byte changed", changed.said)
    return report


@dataclass(frozen=True)
class Check:
    """What a check took, on the clock and of the processor, its memory at most, and the first line of what it said."""

    took_s: float
    busy_s: float
    memory_bytes: int
    said: str


def _environment(base: Path) -> dict[str, str]:
    for name in ("data/db", "data/uploads", "data/repository", "log", "run/locks"):
        (base / name).mkdir(parents=True)
    (base / "data/keys").mkdir(mode=0o700)
    own = {f"SPOCWEB_{name}_DIR": str(base / name.lower()) for name in ("DATA", "LOG", "RUN")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPOCWEB_")}
    return {**kept, **own, "DJANGO_SETTINGS_MODULE": "spocweb.settings"}


def _run(environment: dict[str, str], *argv: str) -> str:
    return subprocess.run([sys.executable, *argv], env=environment, check=True, capture_output=True, text=True).stdout


def _verify(environment: dict[str, str], *, code: int) -> Check:
    """Check the trail, which has to end with `code`."""
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "manage.py", "audit", "verify"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        said = b"".join(process.stdout or ()).decode()
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        raise RuntimeError(f"audit verify ended with {process.returncode}: {said[:500]}")
    took_s, busy_s = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    return Check(took_s, busy_s, usage.ru_maxrss * 1024, said.splitlines()[0])


def _tampered(base: Path, events: int, environment: dict[str, str]) -> dict[str, str]:
    with sqlite3.connect(base / "data/db/spocweb.sqlite3") as database:
        trigger = database.execute("SELECT sql FROM sqlite_master WHERE name = 'event_no_update'").fetchone()[0]
        database.execute("DROP TRIGGER event_no_update")
        database.execute("UPDATE containers_event SET subject = 'shop-x' WHERE id = ?", (events // 2,))
        database.execute(trigger)
    database.close()
    return environment
