"""What was sampled: written, thinned out, bounded, and read again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from containers.domain.usage import MachineUsage, Usage, pack
from containers.models import Host, Sample
from containers.services import events, hosts, metrics
from tests.support import rows

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def host() -> Host:
    return hosts.current()


def machine(cpu: float) -> MachineUsage:
    return MachineUsage(cpu, 4, 2**30, 2**34, 2**35, 2**37)


def sample(host: Host, at: datetime, cpu: float = 1.0, **containers: float) -> None:
    used = {int(key.removeprefix("c")): Usage(cpu=value, memory_bytes=value * 1000) for key, value in containers.items()}
    metrics.record(host, at, machine(cpu), used)


def spans(host: Host) -> dict[int, int]:
    found: dict[int, int] = {}
    for span in Sample.objects.filter(host=host).values_list("span_s", flat=True):
        found[span] = found.get(span, 0) + 1
    return found


def test_a_minute_that_is_over_is_kept_as_its_mean(host: Host) -> None:
    for number in range(7):
        sample(host, BEGIN + timedelta(seconds=10 * number), cpu=number, c1=number, **({"c2": 4.0} if number > 3 else {}))
    minute = Sample.objects.get(span_s=60)
    assert (minute.at, minute.cpu, minute.memory_bytes) == (BEGIN + timedelta(minutes=1), 2.5, 2**30)
    assert bytes(minute.containers) == pack({1: Usage(cpu=2.5, memory_bytes=2500), 2: Usage(cpu=4.0, memory_bytes=4000)})
    assert spans(host) == {10: 7, 60: 1}


def test_a_minute_that_the_monitor_did_not_see_end_is_not_lost(host: Host) -> None:
    sample(host, BEGIN + timedelta(seconds=55), cpu=3)
    sample(host, BEGIN + timedelta(minutes=9, seconds=5), cpu=1)
    assert list(Sample.objects.filter(span_s=60).values_list("at", "cpu")) == [(BEGIN + timedelta(minutes=1), 3.0)]


def test_the_same_moment_twice_is_one_sample(host: Host) -> None:
    sample(host, BEGIN, cpu=1)
    sample(host, BEGIN, cpu=2)
    assert [row.cpu for row in Sample.objects.all()] == [2.0]


def test_what_is_kept_is_bounded(host: Host) -> None:
    other = Host.objects.create(name="other")
    old = BEGIN - timedelta(days=40)
    sample(other, old)
    every = timedelta(minutes=1)
    for number in range(1600):
        sample(host, BEGIN + number * every)
    now = BEGIN + 1599 * every
    assert spans(host) == {10: 66, 60: 1446}
    assert Sample.objects.filter(host=host, span_s=60).earliest("at").at >= now - timedelta(hours=24, minutes=5)
    assert spans(other) == {10: 1}


def test_a_clock_that_was_set_back_leaves_nothing_in_the_future(host: Host) -> None:
    sample(host, BEGIN + timedelta(days=300))
    sample(host, BEGIN)
    assert list(Sample.objects.values_list("at", flat=True)) == [BEGIN]


def test_a_sample_costs_the_same_for_any_number_of_containers(host: Host, django_assert_max_num_queries: Any) -> None:
    sample(host, BEGIN)
    with django_assert_max_num_queries(9):  # seven, and the transaction's own two
        sample(host, BEGIN + timedelta(minutes=1), **{f"c{number}": 1.0 for number in range(1, 1000)})


def test_now_is_what_was_last_sampled_and_nothing_when_that_is_long_ago(host: Host) -> None:
    assert metrics.now() == metrics.Now(None, None, {})
    at = timezone.now() - timedelta(seconds=12)
    sample(host, at - timedelta(seconds=10), cpu=3, c1=9.0)
    sample(host, at, cpu=2, c1=0.5)
    assert metrics.now() == metrics.Now(at, machine(2), {1: Usage(cpu=0.5, memory_bytes=500)})
    Sample.objects.filter(at=at).delete()
    Sample.objects.update(at=timezone.now() - timedelta(seconds=3 * settings.SAMPLE_EVERY_S + 1))
    assert metrics.now() == metrics.Now(None, None, {})


def test_history_is_in_full_for_an_hour_and_by_the_minute_before(host: Host) -> None:
    container = rows.container("web")
    now = timezone.now().replace(second=0, microsecond=0)
    first = now - timedelta(seconds=120)
    for number in range(13):
        used = {container.pk: Usage(cpu=float(number))} if number != 3 else {}
        metrics.record(host, first + timedelta(seconds=10 * number), machine(number), used)
    hour = metrics.of_container(container, now - timedelta(hours=1))
    assert (hour.span_s, len(hour.at)) == (10, 13)
    assert hour.columns()["cpu"] == [0.0, 1.0, 2.0, None, *map(float, range(4, 13))]
    assert hour.columns()["memory_bytes"] == [None] * 13
    day = metrics.of_host(now - timedelta(days=1))
    assert (day.span_s, day.at) == (60, [now - timedelta(seconds=60), now])
    assert day.columns()["cpu"] == [2.5, 8.5]
    assert metrics.of_host(now - timedelta(days=1), by_minute=False).span_s == 10
    assert [len(metrics.of_host(since).at) for since in (first, now)] == [12, 0]


def test_another_hosts_samples_are_not_this_ones() -> None:
    sample(Host.objects.create(name="other"), timezone.now())
    assert metrics.now().at is None
    assert metrics.of_host(timezone.now() - timedelta(hours=1)).columns()["cpu"] == []


def test_who_follows_events_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(events, "publish", lambda kind, data: told.append((kind, data)))
    metrics.tell(BEGIN, machine(0.12345), {"web": Usage(cpu=0.33333, memory_bytes=1000.6), "db": Usage()})
    assert told == [
        (
            "sample",
            {
                "at": BEGIN.timestamp(),
                "host": {
                    "cpu": 0.123,
                    "processors": 4,
                    "memory_bytes": 2**30,
                    "memory_total_bytes": 2**34,
                    "disk_bytes": 2**35,
                    "disk_total_bytes": 2**37,
                },
                "containers": {
                    "web": {"cpu": 0.333, "memory_bytes": 1001},
                    "db": {"cpu": None, "memory_bytes": None},
                },
            },
        )
    ]
