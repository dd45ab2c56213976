"""Made-up rows for the page of components: never saved, shown by the fragments that show real ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

from django import forms
from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _

from containers.choices import JobState, Operation, StepState
from containers.models import Command, Host, Job, Line, Step
from containers.views import differences, plan_page
from containers.views.differences import Change
from containers.views.job_page import JobPage
from containers.views.job_steps import Segment, ShownCommand, ShownStep
from containers.views.states import STEP_BADGES

NUMBER: Final = 418
FAILED: Final = "curl: (7) Failed to connect to 127.0.0.1 port 3000"


class SampleForm(forms.Form):
    plain = forms.CharField(label=_("Default"), required=False)
    given = forms.CharField(label=_("Set"), required=False, initial="SIGTERM")
    wrong = forms.IntegerField(label=_("Refused"), required=False)

    @classmethod
    def filled(cls) -> SampleForm:
        return cls({"plain": "", "given": "SIGTERM", "wrong": "ninety"}, auto_id="sample-%s")


def jobs(host: Host, now: datetime) -> Page[Job]:
    """One job in each state."""
    rows = [_job(host, number, state, now) for number, state in enumerate(JobState, start=NUMBER)]
    page: Page[Job] = Paginator(rows, len(rows)).get_page(1)
    return page


def _job(host: Host, number: int, state: JobState, now: datetime) -> Job:
    has_begun = state not in (JobState.QUEUED, JobState.WAITING)
    has_ended = has_begun and state != JobState.RUNNING
    return Job(
        pk=number,
        host=host,
        operation=Operation.START,
        targets=["wiki"],
        inputs={"command": ["sleep", "60"]} if state == JobState.SUCCEEDED else {},
        state=state,
        reason={JobState.WAITING: "job 417 is changing db", JobState.FAILED: FAILED}.get(state, ""),
        user_name="operator",
        via="web",
        created_at=now - timedelta(seconds=40),
        started_at=now - timedelta(seconds=38) if has_begun else None,
        ended_at=now - timedelta(seconds=2) if has_ended else None,
    )


def job_page(host: Host, now: datetime) -> JobPage:
    """A start that failed half-way, with a step in each state."""
    job = _job(host, NUMBER, JobState.FAILED, now)
    job.error = FAILED
    page = JobPage(job)
    # What the page would read from the database.
    page.__dict__["steps"] = [_step(job, number, state, now) for number, state in enumerate(StepState, start=1)]
    return page


def _step(job: Job, number: int, state: StepState, now: datetime) -> ShownStep:
    begin = now - timedelta(seconds=38 - 3 * number)
    ended = None if state == StepState.RUNNING else begin + timedelta(seconds=3 * number)
    has_begun = state not in (StepState.PENDING, StepState.SKIPPED)
    note = {StepState.FAILED: "wiki is not ready", StepState.SKIPPED: "wiki did not succeed"}.get(state, "")
    values: dict[str, Any] = {"action": "start", "reason": "asked for", "state": state, "note": note}
    row = Step(pk=number, job=job, number=number, container=f"sample-{number}", **values)
    row.started_at, row.ended_at = (begin, ended) if has_begun else (None, None)
    bar = Segment(STEP_BADGES[state].ink, 30.0 * number, 36.0 * number) if has_begun else None
    commands = [_command(row, begin)] if has_begun else []
    return ShownStep(row, commands, bar, _("begun after 3 s"), is_alone=False, waits_for=None)


def _command(step: Step, begin: datetime) -> ShownCommand:
    is_running, is_bad = step.state == StepState.RUNNING, step.state == StepState.FAILED
    argv = ["lxc-attach", "-n", "wiki", "--", "/bin/sh", "-c", "curl -fsS http://127.0.0.1:3000/healthz"]
    code = None if is_running else 7 if is_bad else 0
    row = Command(pk=step.pk, step=step, number=1, argv=argv, started_at=begin, exit_code=code, tries=118 if is_bad else 1)
    row.duration_ms = None if is_running else 1240
    lines = [Line(number=number, at=begin, text=FAILED) for number in (1, 2)]
    return ShownCommand(row, argv, lines, len(lines))


def changes() -> list[Change]:
    before: dict[str, Any] = {"definition": {"env": {"ARGS": "-c size=128MB"}}, "limits": {"memory_bytes": 2**29}}
    after = {"definition": {"env": {"ARGS": "-c size=256MB"}}, "limits": {"memory_bytes": 2**30}, "timeouts": {"stop": 90}}
    return differences.between(before, after)


def plan() -> SimpleNamespace:
    """A stop, as `PlanPage` would say it."""
    texts = (("shop-web", "needs shop-app", False), ("shop-app", "asked for", True), ("wiki", "already stopped", False))
    steps = [
        plan_page.ShownStep(number, name, "stop", reason, "", is_target=is_target, is_skipped=reason == "already stopped")
        for number, (name, reason, is_target) in enumerate(texts, start=1)
    ]
    about: dict[str, Any] = {"emptied": ["shop-web", "shop-app"], "volumes": ["shop-data"], "at_boot": ["shop-app"]}
    return SimpleNamespace(operation=Operation.STOP, steps=steps, interrupts=True, **about)


def notices() -> list[SimpleNamespace]:
    """As Django's messages: level and text."""
    texts = {
        "ok": _("Revision 3 is restored, as revision 7."),
        "off": _("Select containers first, then what to do with them."),
        "warn": _("It was restored, but a layer of it is gone."),
        "bad": _("Job 418 has ended already: it is failed"),
    }
    return [_Message(level_tag=tag, text=text) for tag, text in texts.items()]


class _Message(SimpleNamespace):
    def __str__(self) -> str:
        return str(self.text)
