"""Commands that wait for their job."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from containers.choices import ContainerState, JobState, StepState
from containers.models import Container, Job, Step
from containers.services import transfer
from tests.support import rows

pytestmark = pytest.mark.django_db

DOCUMENT = {"containers": {"web": {"layers": ["base"], "env": {"A": "é"}}}}


def run(command: str, *args: str) -> str:
    stdout = io.StringIO()
    call_command(command, *args, stdout=stdout)
    return stdout.getvalue()


def last_job() -> Job:
    return Job.objects.latest("id")


def end(state: JobState, reason: str = "", *, step: StepState = StepState.SUCCEEDED, note: str = "") -> None:
    job = last_job()
    at = timezone.now()
    Step.objects.create(job=job, number=1, container="web", action="create", state=step, note=note, ended_at=at)
    Job.objects.filter(pk=job.pk).update(state=state, reason=reason, ended_at=at)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the next look at the job find what a worker did in the meantime."""

    def does(*deeds: Callable[[], None]) -> None:
        script = list(deeds)
        monkeypatch.setattr("containers.services.watch.time.sleep", lambda seconds: script.pop(0)())

    return does


@pytest.fixture
def document(tmp_path: Path) -> str:
    rows.layer()
    file = tmp_path / "host.json"
    file.write_text(json.dumps(DOCUMENT))
    return str(file)


def test_steps_are_told_and_success_is_silent_about_reasons(document: str, worker: Callable[..., None]) -> None:
    def wait() -> None:
        Job.objects.filter(pk=last_job().pk).update(state=JobState.WAITING, reason="job 3 is changing web")

    worker(wait, lambda: end(JobState.SUCCEEDED))
    output = run("import", document)
    assert output.splitlines() == [
        f"job {last_job().pk}: create web",
        "  waiting: job 3 is changing web",
        "  succeeded  create web",
        f"job {last_job().pk} succeeded",
    ]
    assert transfer.export() == DOCUMENT
    assert (last_job().via, last_job().user, last_job().user_name) == ("cli", None, "root")


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.ERRORED, JobState.CANCELLED, JobState.LOST])
def test_a_job_that_does_not_succeed_fails_the_command(document: str, worker: Callable[..., None], state: JobState) -> None:
    worker(lambda: end(state, "no space left", step=StepState.FAILED, note="no space left on device"))
    with pytest.raises(CommandError, match=f"^job \\d+ {state}: no space left$"):
        run("import", document)


def test_without_waiting_the_job_is_named(document: str, worker: Callable[..., None]) -> None:
    worker()
    assert run("import", document, "--no-wait") == f"job {last_job().pk}: create web\n"
    assert last_job().state == "queued"


def test_an_interrupt_leaves_the_job_alone(document: str, worker: Callable[..., None]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    worker(interrupt)
    with pytest.raises(CommandError, match="goes on") as caught:
        run("import", document)
    assert caught.value.returncode == 130
    assert last_job().state == "queued"


def test_import_reads_standard_input(document: str, worker: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(document).open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        run("import", "-", "--no-wait")
    assert transfer.export() == DOCUMENT


def test_import_names_every_error_and_makes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{"containers": {"web": {"layers": ["none"], "colour": 1}, "A": {"layers": []}}}')
    with pytest.raises(CommandError) as caught:
        run("import", str(file))
    lines = str(caught.value).splitlines()
    assert lines[0] == "Nothing was imported"
    assert [line.partition(":")[0] for line in lines[1:]] == ["containers.web.colour", "containers.A.layers"]
    assert not Container.objects.exists()


@pytest.mark.parametrize(("content", "message"), [(None, "No such file"), ("{", "This is not JSON")])
def test_import_says_in_one_line_what_is_wrong_with_a_file(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "x.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Exception, match=message) as caught:
        run("import", str(file))
    assert "\n" not in str(caught.value)


def test_export_prints_what_import_takes(document: str) -> None:
    run("import", document, "--no-wait")
    text = run("export")
    assert json.loads(text) == DOCUMENT
    assert '"A": "é"' in text


def test_autostart_shutdown_and_demo_queue_their_jobs(worker: Callable[..., None]) -> None:
    rows.container("a", autostart=True)
    rows.container("b", state=ContainerState.RUNNING)
    made = []
    for command in ("autostart", "shutdown", "demo"):
        run(command, "--no-wait")
        made.append((last_job().operation, last_job().targets))
    assert made == [("autostart", ["a"]), ("shutdown", ["b"]), ("demo", ["demo-db", "demo-app", "demo-web"])]


def test_autostart_waits_too(worker: Callable[..., None]) -> None:
    rows.container("a", autostart=True)
    worker(lambda: end(JobState.SUCCEEDED))
    assert run("autostart").splitlines()[-1] == f"job {last_job().pk} succeeded"


def test_nothing_to_start_is_a_success(worker: Callable[..., None]) -> None:
    def finish() -> None:
        Job.objects.update(state=JobState.SUCCEEDED)

    worker(finish)
    output: Any = run("autostart")
    assert output.splitlines() == [f"job {last_job().pk}: autostart", f"job {last_job().pk} succeeded"]
