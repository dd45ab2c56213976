"""What a worker does before there is a job: what a start does, and nothing to anything."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from containers.choices import PENDING_JOB_STATES
from containers.domain.states import Operation
from containers.jobs import worker
from containers.jobs.cancel import CancelWatch
from containers.jobs.handlers import HANDLERS
from containers.jobs.journal import Journal, find_job
from containers.jobs.rehearsal import rehearse
from containers.models import Container
from containers.services import operations
from tests.support import rows

pytestmark = pytest.mark.django_db


def content() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in apps.get_app_config("containers").get_models()]


def statements(run: Callable[[], object]) -> set[str]:
    """Return the SQL of what `run` asks the database, without values."""
    found: set[str] = set()

    def keep(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        found.add(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        run()
    return found


def test_it_leaves_no_trace_wherever_it_is_done() -> None:
    rehearse()
    rows.container("web")
    operations.request(rows.ROOT, Operation.START, ["web"])
    # As whoever has the database could leave it.
    Container.objects.filter(name="web").update(cmd="\x00", address="x")
    before = content()
    rehearse()
    assert content() == before


def test_it_asks_what_a_start_asks_until_there_is_a_plan() -> None:
    rows.container("web")
    job = operations.request(rows.ROOT, Operation.START, ["web"])

    def start() -> None:
        row = find_job(job.pk, PENDING_JOB_STATES)
        assert row is not None
        handler = HANDLERS[row.operation](row, Journal(row), CancelWatch(row))
        assert handler.scope() == {"web"}
        assert [step.container for step in handler.steps() if step.container] == ["web"]

    asked = statements(start)
    assert len(asked) > 5
    assert asked <= statements(rehearse)


def test_a_worker_does_it_before_it_waits_for_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(worker.sys, "setswitchinterval", lambda seconds: None)
    monkeypatch.setattr(worker, "rehearse", lambda: done.append("rehearsed"))
    monkeypatch.setattr(worker, "Worker", lambda *args, **more: SimpleNamespace(work=lambda **how: done.append("waits")))
    worker.serve("host:testhost")
    assert done == ["rehearsed", "waits"]
