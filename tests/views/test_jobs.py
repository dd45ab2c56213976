"""The list of jobs with its filters, and one job: steps, commands, output, error first, cancel, retry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from containers.choices import Cancel, JobState, Operation, StepState
from containers.models import Command, Container, Job, JobContainer, Line, Step
from containers.services import containers, operations
from containers.views.job_steps import ShownCommand
from tests.support import rows
from tests.support.html import Element, parse
from tests.views.conftest import HTMX

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def get(client: Client, path: str, **more: Any) -> Element:
    response = client.get(path, **more)
    assert response.status_code == 200
    return parse(response)


def request(user: User, operation: Operation, name: str, state: JobState = JobState.SUCCEEDED, **values: Any) -> Job:
    given = {"command": ["ls", "a b"]} if operation == Operation.EXECUTE else {}
    job = operations.request(rows.actor(user), operation, [name], given)
    Job.objects.filter(pk=job.pk).update(state=state, **values)
    job.refresh_from_db()
    return job


def step(
    job: Job, number: int, container: str, state: StepState, *, note: str = "", seconds: tuple[float, float] = (0, 1)
) -> Step:
    begin, end = (START + timedelta(seconds=second) for second in seconds)
    ended = end if state not in (StepState.RUNNING, StepState.PENDING) else None
    begun = begin if state != StepState.PENDING else None
    return Step.objects.create(
        job=job,
        number=number,
        container=container,
        action="start",
        reason="asked for",
        state=state,
        note=note,
        started_at=begun,
        ended_at=ended,
    )


def command(step: Step, argv: list[str], lines: list[str], exit_code: int | None = 0, tries: int = 1, number: int = 1) -> Command:
    duration = None if exit_code is None else 1240
    row = Command.objects.create(
        step=step, number=number, argv=argv, started_at=START, exit_code=exit_code, duration_ms=duration, tries=tries
    )
    first = Line.objects.filter(job=step.job).count() + 1
    Line.objects.bulk_create(
        Line(job=step.job, command=row, number=first + offset, at=START, text=text) for offset, text in enumerate(lines)
    )
    return row


@pytest.fixture
def failed(operator: User) -> Job:
    """A start of web and app that failed at app."""
    rows.chain()
    job = request(
        operator,
        Operation.START,
        "web",
        JobState.FAILED,
        reason="app is not ready: its check gave up after 30 s",
        error="curl: (7) Failed to connect <b>",
        started_at=START,
        ended_at=START + timedelta(seconds=31),
        revisions={"web": 1},
    )
    command(step(job, 1, "db", StepState.SUCCEEDED), ["lxc-start", "-n", "db"], ["up"])
    bad = step(job, 2, "app", StepState.FAILED, note="app is not ready", seconds=(1, 31))
    command(bad, ["lxc-attach", "-n", "app", "--", "/bin/sh", "-c", "curl x"], ["curl: (7) <b>", "last words"], 7, tries=118)
    step(job, 3, "web", StepState.SKIPPED, note="app did not succeed", seconds=(31, 31))
    return job


def test_the_list_says_what_who_when_and_how_it_ended(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.EXECUTE, "web", JobState.FAILED, reason="exit 2", started_at=START, ended_at=START)
    row = get(client, "/jobs/").one(id=f"job-{job.pk}")
    for text in ("Execute web", "command: ls 'a b'", "Failed", "exit 2", "operator", "API", "0.00 s"):
        assert text in row.text
    assert {link["href"] for link in row.all("a")} == {f"/jobs/{job.pk}/"}


def test_an_empty_list_says_so(client: Client) -> None:
    assert "No jobs yet" in get(client, "/jobs/").text
    assert "No job is like that" in get(client, "/jobs/?state=failed").text


def test_the_list_can_be_filtered_by_everything(client: Client, operator: User, admin: User) -> None:
    rows.container("web")
    rows.container("db")
    Job.objects.all().delete()
    old = request(admin, Operation.START, "web", JobState.FAILED)
    Job.objects.filter(pk=old.pk).update(created_at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    new = request(operator, Operation.EXECUTE, "db", JobState.RUNNING)

    def shown(query: str) -> list[int]:
        return [int(row["id"].removeprefix("job-")) for row in get(client, f"/jobs/?{query}").all("tr", id=True)]

    assert shown("") == [new.pk, old.pk]
    assert shown("operation=start") == [old.pk]
    assert shown("state=failed") == [old.pk]
    assert shown("state=active") == [new.pk]
    assert shown("container=db") == [new.pk]
    assert shown("user=admin") == [old.pk]
    assert shown("since=2026-02-01") == [new.pk]
    assert shown("until=2026-01-31") == [old.pk]
    assert shown("until=2026-01-30") == []
    assert shown("operation=execute&state=failed") == []


@pytest.mark.parametrize(
    "query",
    ["operation=x", "state=x", "since=yesterday", "until=9999-12-31", "since=0001-01-01", "page=x", "page=99", "user=%00"],
)
def test_a_filter_that_makes_no_sense_counts_as_none(client: Client, operator: User, query: str) -> None:
    rows.container("web")
    assert len(get(client, f"/jobs/?{query}").all("tr", id=True)) == 1


def test_the_list_has_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.views.jobs.PAGE_SIZE", 2)
    for name in ("a", "b", "c"):
        rows.container(name)
    tree = get(client, "/jobs/?operation=create")
    assert len(tree.all("tr", id=True)) == 2
    assert tree.one("a", rel="next")["href"] == "?operation=create&page=2"


def test_a_live_list_asks_for_the_rows_that_changed(client: Client, operator: User) -> None:
    rows.container("a")
    rows.container("b")
    first, second = Job.objects.order_by("id")
    tree = get(client, f"/jobs/?row={second.pk}&row=9999", headers=HTMX)
    assert [row["id"] for row in tree.all("tr")] == [f"job-{second.pk}"]
    assert len(get(client, "/jobs/?row=*", headers=HTMX).all("tr")) == 2
    assert get(client, f"/jobs/?state=failed&row={first.pk}", headers=HTMX).all("tr") == []


def test_more_jobs_need_no_more_queries(client: Client, operator: User, django_assert_max_num_queries: Any) -> None:
    rows.container("web")
    request(operator, Operation.START, "web")
    with django_assert_max_num_queries(10) as few:
        client.get("/jobs/")
    for _ in range(20):
        request(operator, Operation.START, "web", reason="x", error="x" * 1000)
    with django_assert_max_num_queries(len(few)):
        client.get("/jobs/")


def test_the_first_error_stands_above_everything_in_the_tools_own_words(client: Client, failed: Job) -> None:
    tree = get(client, f"/jobs/{failed.pk}/")
    error = tree.one(id="job-error")
    assert error.one("b").text == "app is not ready: its check gave up after 30 s"
    assert error.one("blockquote").text == "curl: (7) Failed to connect <b>"
    assert error.one("a")["href"] == f"#command-{Command.objects.get(exit_code=7).pk}"


@pytest.mark.parametrize(("operation", "is_said"), [("start", True), ("restart", True), ("stop", False), ("app-install", False)])
def test_that_others_stay_up_is_said_only_where_it_is_so(client: Client, failed: Job, operation: str, is_said: bool) -> None:
    Job.objects.filter(pk=failed.pk).update(operation=operation)
    assert ("What is up stays up" in get(client, f"/jobs/{failed.pk}/").text) is is_said


def test_a_step_without_a_command_says_what_it_was_about(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", started_at=START, ended_at=START)
    step(job, 1, "", StepState.SUCCEEDED)
    step(job, 2, "web", StepState.SUCCEEDED, note="already there")
    tree = get(client, f"/jobs/{job.pk}/")
    assert tree.one("section", id="step-1").text.endswith("Succeeded Asked for 1.00 s")
    assert tree.one("section", id="step-2").text.endswith("Succeeded already there 1.00 s")


def test_steps_commands_and_output_are_all_there(client: Client, failed: Job) -> None:
    tree = get(client, f"/jobs/{failed.pk}/")
    assert tree.one("h1").text == "Start web"
    names = [(item.one("span", "sw-step-name").text, item.one("span", "sw-ink").text) for item in top_level(tree)]
    assert names == [("db", "succeeded"), ("app", "failed"), ("web", "skipped")]
    assert "open" in tree.one(id="step-2").attrs
    assert "open" not in tree.one(id="step-1").attrs
    code = tree.one(id="step-2")
    assert code.one("code").text == "lxc-attach -n app -- /bin/sh -c 'curl x'"
    assert "118 tries exit 7 1.24 s" in code.text
    assert code.one("pre").text == "12:00:00.00 curl: (7) <b> 12:00:00.00 last words"
    assert code.one("pre")["data-last"] == "3"
    assert "1 succeeded , 1 skipped , 1 failed" in tree.one(id="job-head").text


def top_level(tree: Element) -> list[Element]:
    items = [item for item in tree.one("ol", "sw-tree").children if isinstance(item, Element)]
    return [item.all("a", "sw-step")[0] for item in items]


def test_who_asked_from_where_with_which_revisions(client: Client, failed: Job) -> None:
    facts = get(client, f"/jobs/{failed.pk}/").one(id="job-facts")
    for text in ("operator, API, from 127.0.0.1", "start web", "1 Mar 2026, 12:00:00", "app, db, web", "web 1"):
        assert text in facts.text
    assert "/containers/web/history/?revision=1" in [link["href"] for link in facts.all("a")]


def test_bars_share_one_scale_of_time(client: Client, failed: Job) -> None:
    bars = [bar.one("rect") for item in top_level(get(client, f"/jobs/{failed.pk}/")) for bar in item.all("svg", "sw-bar")]
    assert [(bar["x"], bar["width"]) for bar in bars] == [("0.0", "12.9"), ("12.9", "387.1"), ("396.0", "4.0")]


def test_a_long_output_is_shown_by_its_end(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", JobState.RUNNING, started_at=START)
    command(step(job, 1, "web", StepState.RUNNING), ["lxc-start"], [f"line {number}" for number in range(1_000)], None)
    text = get(client, f"/jobs/{job.pk}/").one("pre").text
    assert "800 lines before" in text
    assert "line 800 " in text
    assert "line 799 " not in text
    assert text.endswith("line 999")


def test_a_running_job_can_be_cancelled_in_two_ways(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", JobState.RUNNING, started_at=timezone.now())
    form = get(client, f"/jobs/{job.pk}/").one("form", action=f"/jobs/{job.pk}/cancel/")
    assert [button["value"] for button in form.all("button")] == ["next", "now"]
    assert client.post(f"/jobs/{job.pk}/cancel/", {"how": "next"})["Location"] == f"/jobs/{job.pk}/"
    job.refresh_from_db()
    assert job.cancel == Cancel.NEXT
    for _ in range(2):
        client.post(f"/jobs/{job.pk}/cancel/", {"how": "now"})
    job.refresh_from_db()
    assert job.cancel == Cancel.NOW


@pytest.mark.parametrize("how", ["", "explode"])
def test_a_job_in_line_ends_at_once_whatever_was_sent(client: Client, operator: User, how: str) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", JobState.QUEUED)
    client.post(f"/jobs/{job.pk}/cancel/", {"how": how})
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_what_has_ended_cannot_be_cancelled(client: Client, failed: Job) -> None:
    assert get(client, f"/jobs/{failed.pk}/").all("form", action=f"/jobs/{failed.pk}/cancel/") == []
    response = client.post(f"/jobs/{failed.pk}/cancel/", follow=True)
    assert "has ended already" in parse(response).one(id="notices").text


def test_a_retry_is_a_new_job_that_points_to_the_old_one(client: Client, failed: Job) -> None:
    response = client.post(f"/jobs/{failed.pk}/retry/")
    new = Job.objects.latest("id")
    assert response["Location"] == f"/jobs/{new.pk}/"
    assert new.retry_of == failed
    assert f"job {failed.pk}" in get(client, f"/jobs/{new.pk}/").one(id="job-facts").text
    assert f"job {new.pk}" in get(client, f"/jobs/{failed.pk}/").one(id="job-facts").text


def test_what_has_not_ended_cannot_be_retried(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", JobState.RUNNING)
    response = client.post(f"/jobs/{job.pk}/retry/", follow=True)
    assert "has not ended yet" in parse(response).one(id="notices").text
    assert Job.objects.latest("id") == job


def test_the_viewer_reads_a_job_and_gets_no_buttons(viewer_client: Client, failed: Job) -> None:
    tree = get(viewer_client, f"/jobs/{failed.pk}/").one("main")
    assert tree.all("form") == []


def test_a_live_page_asks_for_its_parts(client: Client, failed: Job) -> None:
    def ids(query: str) -> list[str]:
        tree = get(client, f"/jobs/{failed.pk}/{query}", headers=HTMX)
        return [element["id"] for element in tree.children if isinstance(element, Element)]

    common = ["job-head", "job-tree", "job-facts", "job-error"]
    assert ids("?row=") == common
    assert ids("?row=2&row=77") == [*common, "step-2"]
    # Of a skipped step the tree says all there is to say.
    assert ids("?row=*") == [*common, "step-1", "step-2"]


def test_a_step_that_waits_says_for_whom(client: Client, operator: User) -> None:
    rows.chain()
    job = request(operator, Operation.START, "web", JobState.RUNNING, started_at=START)
    step(job, 1, "db", StepState.RUNNING)
    step(job, 2, "app", StepState.PENDING)
    tree = get(client, f"/jobs/{job.pk}/")
    assert "Waits for db" in top_level(tree)[1].text
    assert tree.one(id="step-2").one("a")["href"] == "/containers/db/"


def test_a_bug_shows_the_end_of_its_traceback(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(
        operator, Operation.START, "web", JobState.ERRORED, reason="this is a bug in spocweb", error="Traceback\n  x\nKeyError: 1"
    )
    error = get(client, f"/jobs/{job.pk}/").one(id="job-error")
    assert "this is a bug in spocweb" in error.text
    assert error.one("blockquote").text.endswith("KeyError: 1")


def test_the_whole_record_can_be_had_as_text(client: Client, failed: Job) -> None:
    response = client.get(f"/jobs/{failed.pk}/record/")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    text = response.getvalue().decode()
    assert "# lxc-attach -n app -- /bin/sh -c 'curl x'\ncurl: (7) <b>\nlast words\n-> exit 7, 1240 ms, 118 tries" in text


def test_a_jobs_page_costs_the_same_for_many_steps(client: Client, operator: User, django_assert_max_num_queries: Any) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", JobState.RUNNING, started_at=START)
    command(step(job, 1, "web", StepState.RUNNING), ["a"], ["x"], None)
    with django_assert_max_num_queries(25) as few:
        client.get(f"/jobs/{job.pk}/")
    for number in range(2, 12):
        command(step(job, number, f"c{number}", StepState.RUNNING), ["a"], ["x"] * 10, None)
    with django_assert_max_num_queries(len(few)):
        client.get(f"/jobs/{job.pk}/")


def test_the_strip_follows_what_runs_and_what_ended(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", JobState.RUNNING, started_at=timezone.now())
    step(job, 1, "web", StepState.RUNNING, note="not ready yet")
    tree = get(client, "/strip/", headers=HTMX)
    assert "1 running" in tree.one(id="strip").text
    assert f"Job {job.pk}: Start web · web: not ready yet" in tree.one(id="strip").text
    assert "Create web, succeeded" in tree.one(id="strip").text
    assert tree.one(id="count-jobs-side").text == "1 not ended"
    assert tree.one(id="count-containers-phone").text == "1 in all"


def test_the_support_file_is_saved_and_hides_what_is_secret(viewer_client: Client, failed: Job, operator: User) -> None:
    rows.container("cache", env={"DB_PASSWORD": "hunter22"})
    JobContainer.objects.create(job=failed, name="cache")
    command(Step.objects.get(container="db"), ["sh", "-c", "x --token abcdef"], ["it is hunter22"], number=2)
    response = viewer_client.get(f"/jobs/{failed.pk}/support/")
    assert response["Content-Disposition"] == f'attachment; filename="spocweb-job-{failed.pk}.txt"'
    text = response.getvalue().decode()
    assert "hunter22" not in text
    assert "abcdef" not in text
    assert "it is ********" in text
    assert "127.0.0.1" not in text


def test_earlier_lines_come_a_thousand_at_a_time(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", JobState.RUNNING, started_at=START)
    row = command(step(job, 1, "web", StepState.RUNNING), ["lxc-start"], [f"line {number}" for number in range(2_500)], None)
    more = get(client, f"/jobs/{job.pk}/").one("pre").one("a")
    assert more.text == "2300 lines before, show 1000"
    fragment = get(client, more["href"], headers=HTMX)
    lines = [line.text.split()[-1] for line in fragment.all("span", "l")]
    assert (lines[0], lines[-1], len(lines)) == ("1300", "2299", 1_000)
    assert fragment.one("a")["hx-get"] == f"/jobs/{job.pk}/output/{row.pk}/?before=1301"
    last = get(client, f"/jobs/{job.pk}/output/{row.pk}/?before=301", headers=HTMX)
    assert (len(last.all("span", "l")), last.all("a")) == (300, [])


@pytest.mark.parametrize("before", ["", "x", "-1", "99999999999"])
def test_without_script_the_output_is_a_page(client: Client, failed: Job, before: str) -> None:
    row = Command.objects.get(exit_code=7)
    tree = get(client, f"/jobs/{failed.pk}/output/{row.pk}/?before={before}")
    assert tree.one("pre").text == "12:00:00.00 curl: (7) <b> 12:00:00.00 last words"


def test_a_command_of_another_job_is_not_found(client: Client, failed: Job, stranger_client: Client) -> None:
    row = Command.objects.get(exit_code=7)
    other = Job.objects.exclude(pk=failed.pk).first()
    assert client.get(f"/jobs/{other.pk}/output/{row.pk}/").status_code == 404
    for path in (f"output/{row.pk}", "support"):
        assert stranger_client.get(f"/jobs/{failed.pk}/{path}/").status_code == 403


def test_many_commands_share_the_lines_that_a_page_holds(client: Client, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.views.job_page.MOST_LINES_OF_ALL", 30)
    rows.container("web")
    job = request(operator, Operation.START, "web", JobState.RUNNING, started_at=START)
    for number in (1, 2, 3):
        command(step(job, number, f"c{number}", StepState.RUNNING), ["a"], [str(line) for line in range(50)], None)
    assert [len(pre.all("span", "l")) for pre in get(client, f"/jobs/{job.pk}/").all("pre")] == [10, 10, 10]


def test_a_failed_start_is_retried_from_where_it_failed(client: Client, failed: Job) -> None:
    head = get(client, f"/jobs/{failed.pk}/").one(id="job-head")
    form = head.one("form", action=f"/jobs/{failed.pk}/retry/")
    assert [(button["value"], button.text) for button in form.all("button")] == [("rest", "Retry from app")]
    assert "asks for start web" in head.one(id="retry-rest").text
    assert "Left alone, if nobody changed it since: db." in head.one(id="retry-rest").text
    client.post(f"/jobs/{failed.pk}/retry/", {"what": "rest"})
    new = Job.objects.latest("id")
    assert (new.operation, new.targets, new.retry_of) == ("start", ["web"], failed)


def test_of_a_restart_the_rest_is_another_thing_than_the_whole(client: Client, operator: User) -> None:
    rows.chain()
    job = request(operator, Operation.RESTART, "db", JobState.FAILED, started_at=START, ended_at=START)
    for number, action, state in ((1, "stop", StepState.SUCCEEDED), (2, "start", StepState.FAILED)):
        step(job, number, "db", state)
        Step.objects.filter(job=job, number=number).update(action=action)
    form = get(client, f"/jobs/{job.pk}/").one("form", action=f"/jobs/{job.pk}/retry/")
    assert [button.text for button in form.all("button")] == ["Retry from db", "All of it"]
    client.post(f"/jobs/{job.pk}/retry/", {"what": "all"})
    assert Job.objects.latest("id").operation == "restart"


def test_where_no_rest_makes_sense_none_is_offered(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.EXECUTE, "web", JobState.FAILED, started_at=START, ended_at=START)
    step(job, 1, "web", StepState.FAILED)
    form = get(client, f"/jobs/{job.pk}/").one("form", action=f"/jobs/{job.pk}/retry/")
    assert [button.text for button in form.all("button")] == ["Retry"]
    response = client.post(f"/jobs/{job.pk}/retry/", {"what": "rest"}, follow=True)
    assert "has no rest" in parse(response).one(id="notices").text


def test_chips_say_how_many_jobs_each_state_has(client: Client, operator: User) -> None:
    rows.container("web")
    rows.container("db")
    request(operator, Operation.START, "web", JobState.FAILED)
    request(operator, Operation.START, "db", JobState.RUNNING)
    request(operator, Operation.STOP, "db", JobState.RUNNING)

    def chips(query: str) -> dict[str, str]:
        return {chip.text: chip["href"] for chip in get(client, f"/jobs/{query}").one("ul", "sw-chips").all("a", "sw-chip")}

    assert chips("?operation=start") == {
        "All 2": "?operation=start",
        "Not ended 1": "?operation=start&state=active",
        "Failed 1": "?operation=start&state=failed",
        "In progress 1": "?operation=start&state=running",
        "Operation: Start, take this filter off": "?",
    }
    assert "Failed 0" in chips("?container=db&state=failed")
    assert chips("?container=db&since=2026-01-01")["From: 1 Jan 2026, take this filter off"] == "?container=db"


def test_output_that_is_not_kept_any_more_is_said_to_be_gone(client: Client, failed: Job) -> None:
    assert "removed" not in get(client, f"/jobs/{failed.pk}/").one(id="job-head").text
    Job.objects.filter(pk=failed.pk).update(swept_lines=1_204, swept_at=START)
    head = get(client, f"/jobs/{failed.pk}/").one(id="job-head")
    assert "1204 lines of output were removed 1 Mar 2026, 12:00:00" in head.text


def test_a_failed_start_says_what_changed_since_the_last_good_one(client: Client, failed: Job, operator: User) -> None:
    assert "last good start" not in get(client, f"/jobs/{failed.pk}/").one(id="step-2").text
    good = Job.objects.create(host=failed.host, operation="start", state="succeeded", via="cli", revisions={"app": 1})
    JobContainer.objects.create(job=good, name="app")
    step(good, 1, "app", StepState.SUCCEEDED)
    container = Container.objects.with_definition().get(name="app")
    containers.update_container(rows.actor(operator), container, {"definition": {"layers": ["base"], "env": {"PORT": "3100"}}})
    again = request(operator, Operation.START, "app", JobState.FAILED, started_at=START, ended_at=START, revisions={"app": 2})
    command(step(again, 1, "app", StepState.FAILED), ["x"], ["no"], 1)
    text = get(client, f"/jobs/{again.pk}/").one(id="step-1")
    link = next(link for link in text.all("a") if "history" in link["href"])
    assert link["href"] == "/containers/app/history/?from=1&to=2"
    assert "env.PORT – → 3100" in link.text
    Job.objects.filter(pk=again.pk).update(revisions={"app": 1})
    assert f"the one of its last good start, job {good.pk}" in get(client, f"/jobs/{again.pk}/").one(id="step-1").text


PYTHON = ["/usr/bin/python3", "-s", "-S", "-P", "-m"]


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/usr/bin/lxc-start", "-n", "db"], "lxc-start"),
        ([*PYTHON, "containers.host.unpack", "100000", "65536"], "unpack"),
        ([*PYTHON, "containers.host.shut_in", "100000", "65536", "9", "--", "mmdebstrap", "--mode=root"], "mmdebstrap"),
        ([*PYTHON, "containers.host.shut_in", "100000", "65536", "9", "--"], "shut_in"),
        (["/usr/bin/python3", "-I", "-S", "/usr/local/lib/download.py", "http://a.example"], "download"),
        (["/usr/bin/python3", "-c", "1"], "python3"),
        ([*PYTHON], "python3"),
        ([], ""),
    ],
)
def test_a_command_is_called_what_runs_in_it(argv: list[str], name: str) -> None:
    assert ShownCommand(Command(argv=argv), argv, [], 0).program == name


@pytest.mark.parametrize(
    ("operation", "targets", "inputs", "made"),
    [
        ("layer-bootstrap", ["base"], {}, [("base", "/layers/base/")]),
        ("layer-commit", ["web"], {"layer": "base"}, [("base", "/layers/base/")]),
        ("image-build", ["shop:1"], {}, [("shop:1", "/images/shop/1/")]),
        ("image-fetch", ["gone:1"], {}, []),
        ("image-build", ["../x"], {}, []),
        ("image-export", ["shop:1"], {}, [("own", "/repositories/own/")]),
        ("repository-refresh", ["team"], {}, [("team", "/repositories/team/")]),
        ("layer-import", ["base", "b"], {}, []),
    ],
)
def test_what_a_job_has_made_is_one_click_away(
    client: Client, operation: str, targets: list[str], inputs: dict[str, str], made: list[tuple[str, str]]
) -> None:
    rows.image("shop:1", layers=("base",))
    job = Job.objects.create(host=rows.host(), operation=operation, targets=targets, inputs=inputs, state=JobState.SUCCEEDED)

    def links() -> list[tuple[str, str]]:
        return [
            (link.text, link["href"]) for link in get(client, f"/jobs/{job.pk}/").one(id="job-head").one("div", "sw-sub").all("a")
        ]

    assert links() == made
    Job.objects.update(state=JobState.FAILED)
    assert links() == []


def test_a_job_leads_to_its_app_whatever_becomes_of_it(client: Client) -> None:
    rows.installation("site")
    job = Job.objects.create(host=rows.host(), operation="app-update", targets=["site"], state=JobState.FAILED)

    def links() -> list[str]:
        return [link.text for link in get(client, f"/jobs/{job.pk}/").one(id="job-head").all("a", href="/installations/site/")]

    assert links() == ["site"]
    Job.objects.update(state=JobState.SUCCEEDED)
    assert links() == ["Open site", "site"]
    Job.objects.update(targets=["gone"])
    assert links() == []


def test_steps_of_one_container_are_told_apart_and_names_keep_their_letters(client: Client, operator: User) -> None:
    rows.container("web")
    job = request(operator, Operation.START, "web", started_at=START, ended_at=START)
    for number, reason in enumerate(("line 2: RUN make", "shop:1 to /srv"), start=1):
        row = step(job, number, "web", StepState.SUCCEEDED)
        Step.objects.filter(pk=row.pk).update(reason=reason)
        command(row, ["true"], [])
    tree = get(client, f"/jobs/{job.pk}/")
    summaries = [summary.text for summary in tree.all("summary") if "web" in summary.text]
    assert ["Line 2: RUN make" in summaries[0], "shop:1 to /srv" in summaries[1]] == [True, True]
    assert "shop:1 to /srv" in tree.one(id="job-tree").text


@pytest.mark.parametrize("targets", ["null", '[{"a": 1}]', '"web"', "[5]", '{"a": "b"}'])
@pytest.mark.parametrize(("operation", "inputs"), [("start", "[]"), ("evil", "null")])
def test_a_row_that_no_form_made_is_shown_all_the_same(client: Client, targets: str, operation: str, inputs: str) -> None:
    job = Job.objects.create(host=rows.host(), operation=operation, targets=[], state=JobState.FAILED, via="web")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE containers_job SET targets = %s, inputs = %s", [targets, inputs])
    for path in ("/jobs/", f"/jobs/{job.pk}/", "/api/v1/jobs/", f"/api/v1/jobs/{job.pk}/"):
        assert client.get(path).status_code == 200, path
