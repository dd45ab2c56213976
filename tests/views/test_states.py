"""How states are shown: words that follow from LXC's state, the last job and what became of it. No database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.choices import ContainerState, JobState, Operation, StepState
from containers.views import reasons, spans, states
from containers.views.states import Activity, badge_of

RUNNING, STOPPED = ContainerState.RUNNING, ContainerState.STOPPED


@dataclass
class Row:
    state: str = STOPPED
    state_since: datetime | None = None
    is_ready: bool | None = None
    ready: str | None = None
    failure: str = ""
    build: bool = False
    is_created: bool = True
    is_mounted: bool = False


def activity(step_state: str = "", action: str = "start", operation: str = Operation.START, **more: Any) -> Activity:
    return Activity(operation, 7, JobState.RUNNING, action if step_state else "", step_state, **more)


CASES = [
    ({"state": STOPPED}, None, "stopped"),
    ({"state": STOPPED, "failure": "x"}, None, "failed"),
    ({"state": RUNNING}, None, "running"),
    ({"state": RUNNING, "is_ready": True, "ready": "true"}, None, "running"),
    ({"state": RUNNING, "is_ready": None, "ready": "true"}, None, "running"),
    ({"state": RUNNING, "is_ready": False, "ready": "true"}, None, "not-ready"),
    ({"state": RUNNING, "failure": "x", "is_ready": True}, None, "running"),
    # On the way up.
    ({"state": STOPPED}, activity(), "waiting"),
    ({"state": STOPPED, "failure": "old"}, activity(), "waiting"),
    ({"state": STOPPED}, activity(StepState.PENDING), "waiting"),
    ({"state": STOPPED}, activity(StepState.RUNNING), "starting"),
    ({"state": STOPPED, "failure": "x"}, activity(StepState.FAILED), "failed"),
    ({"state": STOPPED}, activity(StepState.CANCELLED), "stopped"),
    ({"state": RUNNING, "ready": "true"}, activity(StepState.RUNNING), "starting"),
    ({"state": RUNNING, "ready": "true", "is_ready": False}, activity(StepState.RUNNING), "starting"),
    ({"state": RUNNING, "ready": "true", "is_ready": True}, activity(StepState.RUNNING), "running"),
    ({"state": RUNNING}, activity(StepState.RUNNING), "running"),
    ({"state": RUNNING, "ready": "true", "is_ready": False}, activity(StepState.FAILED), "not-ready"),
    # On the way down, or for another purpose.
    ({"state": RUNNING, "ready": "true", "is_ready": True}, activity(StepState.PENDING, "stop", Operation.STOP), "running"),
    ({"state": STOPPED}, activity(StepState.SUCCEEDED, "stop", Operation.STOP), "stopped"),
    ({"state": RUNNING, "ready": "true"}, activity(StepState.PENDING, "stop", Operation.RESTART), "running"),
    ({"state": STOPPED}, activity(StepState.PENDING, "start", Operation.RESTART), "waiting"),
    ({"state": STOPPED}, activity(operation=Operation.DESTROY), "stopped"),
    ({"state": STOPPED}, activity(StepState.RUNNING, "create", Operation.CREATE), "stopped"),
    # LXC's own.
    ({"state": ContainerState.STARTING}, None, "starting"),
    ({"state": ContainerState.STOPPING}, None, "stopping"),
    ({"state": ContainerState.ABORTING}, None, "aborting"),
    ({"state": ContainerState.FREEZING}, None, "freezing"),
    ({"state": ContainerState.FROZEN}, None, "frozen"),
    ({"state": ContainerState.THAWED}, None, "thawed"),
    ({"state": ContainerState.UNKNOWN}, None, "unknown"),
]


@pytest.mark.parametrize(("values", "doing", "key"), CASES)
def test_a_word_for_every_case(values: dict[str, Any], doing: Activity | None, key: str) -> None:
    assert badge_of(Row(**values), doing).key == key


def test_every_state_has_a_word_a_shape_and_an_ink() -> None:
    for badge in (*states.CONTAINER_BADGES, *states.JOB_BADGES.values(), *states.STEP_BADGES.values()):
        assert badge.word
        assert badge.glyph
        assert badge.ink in {"ok", "move", "wait", "warn", "bad", "cold", "off"}
    assert set(states.JOB_BADGES) == set(JobState)
    assert set(states.STEP_BADGES) == set(StepState)
    keys = [badge.key for badge in states.CONTAINER_BADGES]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("values", "doing", "text"),
    [
        ({"state": RUNNING, "is_ready": True}, None, "Ready"),
        ({"state": RUNNING}, None, ""),
        ({"state": STOPPED}, None, "Not started yet"),
        ({"state": STOPPED, "build": True}, None, "Build container, not started yet"),
        ({"state": STOPPED, "is_mounted": True}, None, "Its root filesystem is mounted"),
        ({"state": STOPPED, "is_created": False}, activity(operation=Operation.CREATE), "Being created"),
        ({"state": STOPPED, "failure": "<b>"}, None, '<span class="sw-words">&lt;b&gt;</span>'),
        ({"state": STOPPED}, activity(), "In line to start"),
        ({"state": STOPPED}, activity(note="job 3 is changing <db>"), "job 3 is changing &lt;db&gt;"),
        (
            {"state": STOPPED},
            activity(StepState.PENDING, waits_for=("db", "mq")),
            'Waits for <a href="/containers/db/">db</a>, <a href="/containers/mq/">mq</a>',
        ),
        ({"state": RUNNING, "ready": "x"}, activity(StepState.RUNNING), "Not ready yet"),
        ({"state": RUNNING, "ready": "x"}, activity(StepState.RUNNING, note="try 2"), '<span class="sw-words">try 2</span>'),
        ({"state": ContainerState.UNKNOWN}, None, "LXC does not answer"),
    ],
)
def test_the_line_below_a_state(values: dict[str, Any], doing: Activity | None, text: str) -> None:
    row = Row(**values)
    assert reasons.reason_of(row, badge_of(row, doing), doing) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"state": RUNNING, "is_ready": True}, "Up 2 h 5 min, ready"),
        ({"state": RUNNING, "ready": "true"}, "Up 2 h 5 min, readiness not known"),
        ({"state": RUNNING}, "Up 2 h 5 min"),
        ({"state": STOPPED}, "Stopped 2 h ago"),
        ({"state": ContainerState.FROZEN}, "Frozen 2 h ago"),
        ({"state": ContainerState.UNKNOWN}, "LXC does not answer, asked 2 h ago"),
    ],
)
def test_times_count_on_in_the_page(values: dict[str, Any], text: str) -> None:
    row = Row(state_since=timezone.now() - timedelta(hours=2, minutes=5, seconds=1), **values)
    line = reasons.reason_of(row, badge_of(row), None)
    before, _tag, rest = line.partition("<time ")
    _attributes, _end, rest = rest.partition(">")
    assert before + rest.replace("</time>", "") == text
    assert "data-time=" in line


@pytest.mark.parametrize(
    ("seconds", "short", "long", "duration"),
    [
        (0, "0 s", "0 s", "0.00 s"),
        (1.239, "1 s", "1 s", "1.24 s"),
        (37.4, "37 s", "37 s", "37.4 s"),
        (303, "5 min", "5 min", "5 min 3 s"),
        (7_500, "2 h", "2 h 5 min", "2 h 5 min"),
        (100_000, "27 h", "1 d 3 h", "1 d 3 h"),
        (1_000_000, "11 d", "11 d 13 h", "11 d 13 h"),
    ],
)
def test_spans_in_words(seconds: float, short: str, long: str, duration: str) -> None:
    assert (spans.short(seconds), spans.long(seconds), spans.duration(seconds)) == (short, long, duration)


def test_a_time_in_the_future_is_now() -> None:
    assert ">now<" in spans.age(datetime(2999, 1, 1, tzinfo=UTC))
