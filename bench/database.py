"""The panel's database file, read past the panel: costs it nothing, and shows what any of its processes would see."""

from __future__ import annotations

import datetime
import sqlite3
import time
from pathlib import Path
from typing import Any

ENDED = {"succeeded", "failed", "errored", "cancelled", "lost"}
# Asking costs a twentieth of a millisecond; ends of jobs, which take long, need not be seen as soon as changes of state.
STATE_INTERVAL_S = 0.0005
JOB_INTERVAL_S = 0.004


class Database:
    """A connection of our own that cannot write."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None, timeout=20)

    def close(self) -> None:
        self._connection.close()

    def one(self, sql: str, *values: object) -> Any:
        """Return the first column of the first row, None without one."""
        row = self._connection.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def state_of(self, name: str) -> str:
        return str(self.one("SELECT state FROM containers_container WHERE name = ?", name))

    def wait_state(self, name: str, state: str, timeout_s: float = 60) -> float:
        """Return when the row of container `name` was first read to be in `state`."""
        deadline = time.monotonic() + timeout_s
        while self.state_of(name) != state:
            _pause(STATE_INTERVAL_S, deadline, f"the row of {name} does not become {state}")
        return time.monotonic()

    def wait_job(self, job_id: int, timeout_s: float = 600) -> float:
        """Return when the job was first read to have ended. Raises RuntimeError unless it succeeded."""
        deadline = time.monotonic() + timeout_s
        while (state := self.one("SELECT state FROM containers_job WHERE id = ?", job_id)) not in ENDED:
            _pause(JOB_INTERVAL_S, deadline, f"job {job_id} does not end")
        at = time.monotonic()
        if state != "succeeded":
            reason = self.one("SELECT reason || ': ' || error FROM containers_job WHERE id = ?", job_id)
            raise RuntimeError(f"job {job_id} {state}: {reason}")
        return at

    def wait_quiet(self, timeout_s: float = 60) -> None:
        """Return when no job is to be done."""
        deadline = time.monotonic() + timeout_s
        while self.one("SELECT count(*) FROM containers_job WHERE state IN ('queued', 'waiting', 'running')"):
            _pause(JOB_INTERVAL_S, deadline, "jobs do not end")


def moment(text: str) -> float:
    """Return a time of the database's as seconds since 1970."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()


def _pause(interval_s: float, deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(what)
    time.sleep(interval_s)
