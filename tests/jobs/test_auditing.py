"""The audit trail against somebody with all rights of the database: what is changed, removed or inserted is found and named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from containers.choices import EventKind, JobState
from containers.errors import Untrusted
from containers.host import checkpoints
from containers.jobs import auditing
from containers.jobs.auditing import Keeper
from containers.models import Command, Event, EventGap, Job, Line, Step
from containers.services import audit, audit_retention, audit_verify, job_ends, retention
from containers.services.audit_jobs import JobCheck
from tests.support import rows
from tests.support.audit import SYSTEM, compute_anew, digest_of, findings, keeper_below, tamper, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return keeper_below(tmp_path)


@pytest.fixture(autouse=True)
def locks() -> None:
    (django_settings.RUN_DIR / "locks").mkdir(mode=0o700, parents=True, exist_ok=True)


def test_what_was_written_is_in_order(keeper: Keeper) -> None:
    write(5)
    assert keeper.sign()[1] is not None
    write(2)
    assert findings(keeper) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE containers_event SET subject = 'y' WHERE id = 3", ["event 3 has been changed"]),
        ("UPDATE containers_event SET data = '{\"number\":3}' WHERE id = 3", ["event 3 has been changed"]),
        ("UPDATE containers_event SET data = '{\"number\":2}x' WHERE id = 3", ["event 3 has been changed"]),
        ("UPDATE containers_event SET user_id = 1 WHERE id = 3", ["event 3 has been changed"]),
        ("UPDATE containers_event SET at = '2020-01-01 00:00:00' WHERE id = 3", ["event 3 has been changed"]),
        ("UPDATE containers_event SET at = 'never' WHERE id = 3", ["event 3 has been changed"]),
        ("DELETE FROM containers_event WHERE id = 3", ["event 3 is missing"]),
        ("DELETE FROM containers_event WHERE id IN (2, 3, 4)", ["events 2 to 4 are missing"]),
        ("DELETE FROM containers_event WHERE id = 1", ["event 1 is missing"]),
        (
            "UPDATE containers_event SET digest = 'x' WHERE id = 3",
            ["event 3 has been changed", "event 3 has been changed: event 4 followed another"],
        ),
    ],
)
def test_every_change_is_found(keeper: Keeper, statement: str, found: list[str]) -> None:
    write(6)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = 1")
    tamper(statement.replace("%", "%%"))
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = 0")
    assert findings(keeper) == found


def test_one_changed_with_its_own_digest_is_found_by_the_next(keeper: Keeper) -> None:
    write(4)
    event = Event.objects.get(pk=2)
    event.subject = "forged"
    tamper("UPDATE containers_event SET subject = 'forged', digest = %s WHERE id = 2", [digest_of(event)])
    assert findings(keeper) == ["event 2 has been changed: event 3 followed another"]


def test_one_that_was_inserted_is_told_from_the_others(keeper: Keeper) -> None:
    write(2)
    write(1)
    tamper("UPDATE containers_event SET id = 9 WHERE id = 3")
    tamper(
        "INSERT INTO containers_event (id, at, kind, subject, user_name, via, request_id, data, previous, digest) "
        "VALUES (5, '2026-01-01 00:00:00', 'demo.create', 'forged', '', 'system', '', '{}', 'p', 'd')"
    )
    texts = findings(keeper)
    assert "event 5 has been changed" in texts
    assert "events 3 to 5 are inserted: event 9 follows event 2" in texts


def test_a_chain_computed_anew_does_not_fit_what_was_signed(keeper: Keeper) -> None:
    write(4)
    keeper.sign()
    tamper("UPDATE containers_event SET user_name = 'bob' WHERE id = 2")
    compute_anew()
    (text,) = findings(keeper)
    assert text.startswith("event 4 is not the one that was signed at ")
    assert keeper.sign()[1] is None


def test_what_goes_from_the_end_was_signed(keeper: Keeper) -> None:
    write(4)
    keeper.sign()
    tamper("DELETE FROM containers_event WHERE id > 2")
    (text,) = findings(keeper)
    assert text.startswith("events 3 to 4 are missing at the end: event 4 was signed at ")


def test_a_checkpoint_that_this_host_did_not_sign_is_refused(keeper: Keeper, tmp_path: Path) -> None:
    write(2)
    (tmp_path / "other").mkdir()
    other = keeper_below(tmp_path / "other")
    checkpoint = other.sign()[1]
    assert checkpoint is not None
    line = other.line_of(checkpoint)
    checkpoints.append(keeper.path, line)
    with pytest.raises(Untrusted, match="another key"):
        list(keeper.signed())
    changed = keeper.line_of(checkpoint).replace(b'"event":2', b'"event":1')
    with pytest.raises(Untrusted, match="not what was signed"):
        auditing.Checkpoint.read(changed, keeper.public_key)


@pytest.mark.parametrize("line", [b"", b"{}\n", b"[" * 900, b'{"event":1}\n', b"\xff\n", b"x" * 5_000])
def test_no_line_does_anything_but_be_refused(keeper: Keeper, line: bytes) -> None:
    with pytest.raises(Untrusted):
        auditing.Checkpoint.read(line, keeper.public_key)


def test_a_look_signs_what_is_new_and_tells_once_of_what_is_broken(keeper: Keeper) -> None:
    keeper.look()
    assert keeper.last() is None
    write(2)
    keeper.look()
    keeper.look()
    assert [checkpoint.event for checkpoint in keeper.signed()] == [2]
    write(2)
    tamper("UPDATE containers_event SET subject = 'y' WHERE id = 3")
    keeper.look()
    keeper.look()
    assert [event.data for event in Event.objects.filter(kind=EventKind.AUDIT_BROKEN)] == [
        {"finding": "event 3 has been changed"}
    ]
    assert [checkpoint.event for checkpoint in keeper.signed()] == [2]
    assert keeper.sign(anyway=True)[1] is not None
    write(1)
    assert keeper.sign()[0] == []


def test_a_look_goes_no_further_than_it_may(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "AT_ONCE", 2)
    write(5)
    for _ in range(3):
        keeper.look()
    assert [checkpoint.event for checkpoint in keeper.signed()] == [2, 4, 5]


def test_a_file_of_checkpoints_is_thinned(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "MOST", 4)
    monkeypatch.setattr(checkpoints, "RECENT", 2)
    days = ["01", "01", "02", "02", "02"]
    for number, day in enumerate(days, start=1):
        checkpoints.append(keeper.path, auditing.Checkpoint("h", f"2026-01-{day}T00", number, "0" * 64).signed(keeper._key))
    checkpoints.thin(keeper.path)
    assert [checkpoint.event for checkpoint in keeper.signed()] == [2, 3, 4, 5]
    assert keeper.path.stat().st_mode & 0o777 == 0o640


def test_a_trigger_that_is_gone_is_missed() -> None:
    assert audit_verify.missing_triggers() == []
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER event_no_update")
    assert audit_verify.missing_triggers() == ["event_no_update"]


# Retention


@pytest.fixture
def kept(settings: object) -> None:
    settings.AUDIT_DAYS, settings.AUDIT_PASSING_DAYS = 30, 10  # type: ignore[attr-defined]


def kinds() -> list[tuple[int, str]]:
    return list(Event.objects.order_by("id").values_list("id", "kind"))


@pytest.mark.usefixtures("kept")
def test_what_is_too_old_goes_by_kind_and_the_rest_can_be_checked(keeper: Keeper) -> None:
    for _ in range(2):
        write(2, "sign-in", days_ago=20)
        write(1, "demo.create", days_ago=20)
    write(2)
    keeper.sign()
    assert list(keeper.sweep()) == [4]
    assert kinds() == [(3, "demo.create"), (6, "demo.create"), (7, "demo.create"), (8, "demo.create"), (9, "audit.sweep")]
    summary = Event.objects.latest("id").data
    assert (summary["events"], summary["kinds"]) == (4, {"sign-in": 4})
    assert findings(keeper) == []
    assert list(keeper.sweep()) == []


@pytest.mark.usefixtures("kept")
def test_gaps_that_touch_become_one(keeper: Keeper, settings: object) -> None:
    write(1, "sign-in", days_ago=20)
    write(1, "demo.create", days_ago=20)
    write(1, "sign-in", days_ago=20)
    write(1)
    keeper.sign()
    list(keeper.sweep())
    settings.AUDIT_DAYS = 15  # type: ignore[attr-defined]
    list(keeper.sweep())
    assert list(EventGap.objects.values_list("first", "last", "count")) == [(1, 3, 3)]
    assert findings(keeper) == []


@pytest.mark.usefixtures("kept")
def test_the_end_that_was_signed_stays(keeper: Keeper) -> None:
    write(3, "sign-in", days_ago=20)
    keeper.sign()
    assert list(keeper.sweep()) == [2]
    write(1)
    assert keeper.sign()[0] == []
    assert findings(keeper) == []


@pytest.mark.usefixtures("kept")
def test_retention_launders_nothing(keeper: Keeper) -> None:
    write(2, "sign-in", days_ago=20)
    write(1)
    keeper.sign()
    tamper("UPDATE containers_event SET user_name = 'bob' WHERE id = 1")
    assert list(keeper.sweep()) == []
    assert [number for number, _kind in kinds()] == [1, 2, 3]


@pytest.mark.usefixtures("kept")
def test_a_gap_that_root_did_not_sign_hides_nothing(keeper: Keeper) -> None:
    write(5)
    second, third = Event.objects.filter(pk__in=[2, 3]).order_by("pk")
    EventGap.objects.create(
        first=2, last=3, count=2, until=third.at, previous=second.previous, digest=third.digest, signature="{}"
    )
    Event.objects.filter(pk__in=[2, 3]).delete()
    (text,) = findings(keeper)
    assert text.startswith("events 2 to 3 are missing: ")


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("change", [{"first": 1}, {"count": 9}, {"digest": "0" * 64}])
def test_a_gap_that_was_changed_is_found(keeper: Keeper, change: dict[str, object]) -> None:
    write(1)
    write(2, "sign-in", days_ago=20)
    write(1)
    keeper.sign()
    list(keeper.sweep())
    EventGap.objects.update(**change)
    tamper("DELETE FROM containers_event WHERE id = 1")
    assert any("missing" in text for text in findings(keeper))


def test_every_kind_is_kept_by_one_rule() -> None:
    listed = [kind for rule in audit_retention.rules() for kind in rule.kinds]
    assert sorted(listed) == sorted(EventKind)


def test_a_clock_that_went_back_is_no_forgery(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    write(2)
    earlier = timezone.now() - timedelta(days=1)
    monkeypatch.setattr(audit.timezone, "now", lambda: earlier)
    write(2)
    assert findings(keeper) == []
    walk = audit_verify.Walk(keeper.public_key)
    assert list(walk.findings()) == []
    assert walk.went_back == 1


# Finished jobs


def finished(lines: int = 3) -> Job:
    job = Job.objects.create(host=rows.host(), operation="start", targets=["web"], state=JobState.RUNNING, via="cli")
    audit.record(SYSTEM, "job.queue", "web", {}, job)
    step = Step.objects.create(job=job, number=1, action="start", container="web", state="succeeded")
    for number in (1, 2):
        command = Command.objects.create(
            step=step, number=number, argv=["lxc-start", "web"], started_at=timezone.now(), exit_code=0
        )
        first = (number - 1) * lines
        Line.objects.bulk_create(
            Line(job=job, command=command, number=first + each, at=timezone.now(), text=f"line {each}")
            for each in range(1, lines + 1)
        )
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, ended_at=timezone.now())
    job.refresh_from_db()
    job_ends.record(job)
    return job


def job_findings() -> list[str]:
    return [finding.text for finding in JobCheck().findings()]


def test_a_finished_job_is_what_it_was() -> None:
    job = finished()
    job.read_at = timezone.now()
    job.save()
    assert job_findings() == []


@pytest.mark.parametrize(
    ("model", "change", "text"),
    [
        (Job, {"user_name": "bob"}, "has been changed"),
        (Job, {"state": JobState.LOST}, "has been changed"),
        (Job, {"targets": ["db"]}, "has been changed"),
        (Step, {"container": "db"}, "has been changed"),
        (Command, {"argv": ["true"]}, "has been changed"),
        (Command, {"exit_code": 1}, "has been changed"),
        (Command, {"output_digest": "0" * 64}, "has been changed"),
        (Line, {"text": "forged"}, "the output of job"),
        (Job, {"state": JobState.RUNNING}, ""),
    ],
)
def test_a_changed_job_is_found(model: type, change: dict[str, object], text: str) -> None:
    finished()
    finished()
    model.objects.filter(pk=model.objects.earliest("pk").pk).update(**change)
    found = job_findings()
    assert len(found) == (1 if text else 0)
    assert text in "".join(found)


@pytest.mark.parametrize("model", [Line, Command, Step, Job])
def test_a_part_that_is_gone_is_found(model: type) -> None:
    finished()
    model.objects.filter(pk=model.objects.earliest("pk").pk).delete()
    assert len(job_findings()) == 1


def test_a_forged_job_and_a_second_end_are_found() -> None:
    job = finished()
    job.user_name = "bob"
    job.save()
    job_ends.record(job)
    Job.objects.create(host=rows.host(), operation="start", state=JobState.SUCCEEDED, via="cli")
    assert job_findings() == [
        f"job {job.pk} has ended 2 times in the trail",
        f"job {job.pk} has been changed since it ended",
        f"job {job.pk + 1} has ended, and the trail does not know of it",
    ]


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 100])
def test_output_that_retention_took_is_not_missed(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    finished()
    monkeypatch.setattr(retention, "BATCH", batch)
    sweeping = retention.sweep(rows.host(), retention.Limits(days=90, lines=0))
    for _ in sweeping:
        assert job_findings() == []
    assert Line.objects.count() == 0
    assert sum(event.data["lines"] for event in Event.objects.filter(kind=EventKind.JOB_SWEEP)) == 6
