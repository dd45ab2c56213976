"""What the monitor does beside following states."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.choices import JobState
from containers.jobs.monitor import Monitor
from containers.models import Host, Job, Line
from containers.services import retention

pytestmark = pytest.mark.django_db


def test_old_output_goes_batch_by_batch_between_other_work(host: Host, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.JOURNAL_DAYS = 7
    monkeypatch.setattr(retention, "BATCH", 2)
    ended = timezone.now() - timedelta(days=8)
    job = Job.objects.create(host=host, operation="start", state=JobState.FAILED, via="cli", ended_at=ended)
    Line.objects.bulk_create(Line(job=job, number=number, at=ended, text="x") for number in range(1, 6))
    monitor = Monitor(host)
    counts = []
    for _ in range(4):
        monitor._sweep()
        counts.append(Line.objects.count())
    assert counts == [3, 1, 0, 0]
