"""Drawings and tables of what was in use. No database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from containers.domain.usage import Usage
from containers.services.metrics import Series
from containers.views import charts
from containers.views.charts import HOUR, area, line, parts

END = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def series(*pairs: tuple[float, float | None]) -> Series:
    """A series of (minutes before the end, CPU)."""
    at = [END - timedelta(minutes=minutes) for minutes, _ in pairs]
    return Series(Usage, 60, at, [None if cpu is None else Usage(cpu=cpu) for _, cpu in pairs])


def test_a_time_is_divided_into_equal_parts_each_with_its_mean() -> None:
    found = parts(series((65, 9.0), (59, 1.0), (58, 3.0), (31, None), (10, 5.0), (0, 7.0)), END, timedelta(hours=1), 3)
    assert [part.end for part in found] == [END - timedelta(minutes=40), END - timedelta(minutes=20), END]
    assert [part.used and part.used.cpu for part in found] == [2.0, None, 6.0]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ([], ""),
        ([None, None], ""),
        ([0.0, 0.5, 1.0], "M0 37L150 19.2L300 1.5"),
        # Where nothing is known the line is interrupted; more than the highest is the highest.
        ([1.0, 1.0, None, 0.0, 7.0], "M0 1.5L75 1.5 M225 37L300 1.5"),
        ([None, 1.0, None], "M150 1.5L151 1.5"),
    ],
)
def test_a_line_is_interrupted_where_nothing_is_known(values: list[float | None], path: str) -> None:
    assert line(values, 1) == path


def test_an_area_ends_at_the_bottom() -> None:
    assert area([1.0, 1.0], 1) == "M0 1.5L300 1.5V37H0Z"
    assert line([0.0, 0.0], 0) == "M0 37L300 37"


def test_a_table_has_the_newest_first_and_says_what_is_not_known() -> None:
    table = charts.table(series((59, 0.5), (2, 0.041)), END, HOUR, charts.CONTAINER_COLUMNS)
    assert [str(head) for head in table.heads] == ["CPU", "Memory", "Received", "Sent", "Processes"]
    assert (len(table.rows), table.rows[0]) == (12, (END, ["4.1 %", "–", "–", "–", "–"]))
    assert table.rows[1][1] == ["–"] * 5
    assert table.rows[-1][1][0] == "50 %"


@pytest.mark.parametrize(
    ("share", "text"), [(None, "–"), (0, "0.0 %"), (0.041, "4.1 %"), (0.0994, "9.9 %"), (0.0999, "10 %"), (1.5, "150 %")]
)
def test_percent(share: float | None, text: str) -> None:
    assert charts.percent(share) == text


def test_other_amounts() -> None:
    assert (charts.size(None), charts.size(1536.4), charts.rate(2048), charts.count(3.0)) == ("–", "1.5 KiB", "2 KiB/s", "3")
