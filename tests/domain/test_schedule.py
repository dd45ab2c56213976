"""When a schedule is due next."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from containers.domain.schedule import Every, Schedule
from containers.errors import InvalidRequest

PRAGUE = ZoneInfo("Europe/Prague")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "weekday", "moment", "due"),
    [
        (Every.DAILY, 0, "2026-01-05 01:00", "2026-01-05 02:00"),
        # On the hour is that hour's: the next one is tomorrow's.
        (Every.DAILY, 0, "2026-01-05 02:00", "2026-01-06 02:00"),
        (Every.DAILY, 0, "2026-01-31 12:00", "2026-02-01 02:00"),
        (Every.WEEKLY, 0, "2026-01-05 01:00", "2026-01-05 02:00"),
        (Every.WEEKLY, 0, "2026-01-05 02:00", "2026-01-12 02:00"),
        (Every.WEEKLY, 6, "2026-01-05 02:00", "2026-01-11 02:00"),
        # In summer three o'clock comes an hour earlier.
        (Every.DAILY, 0, "2026-07-01 12:00", "2026-07-02 01:00"),
        # Clocks go back: three o'clock comes once.
        (Every.DAILY, 0, "2026-10-24 12:00", "2026-10-25 02:00"),
        (Every.DAILY, 0, "2026-10-25 02:00", "2026-10-26 02:00"),
    ],
)
def test_the_hour_is_that_of_the_wall_clock(every: Every, weekday: int, moment: str, due: str) -> None:
    assert Schedule(every=every, hour=3, weekday=weekday).next_after(at(moment), PRAGUE) == at(due)


def test_an_hour_that_a_day_has_not_is_not_skipped() -> None:
    due = Schedule(every=Every.DAILY, hour=2).next_after(at("2026-03-28 12:00"), PRAGUE)
    assert due == at("2026-03-29 01:00")


def test_never_is_never() -> None:
    assert Schedule(every=Every.NEVER).next_after(at("2026-01-01 00:00"), UTC) is None


@pytest.mark.parametrize(
    "wrong",
    [{"every": "hourly"}, {"every": "daily", "hour": 24}, {"every": "weekly", "weekday": 7}, {"every": "daily", "kept": 0}],
)
def test_what_is_no_schedule_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        Schedule.validate_as({"every": "daily", **wrong}, field="")
